// Package hook names the places in a transformer where activations can be
// read, edited and differentiated.
//
// A [Point] is a value: which activation ([Kind]), of which block, and, if
// wanted, which heads, positions, batch rows and coordinates of it. Points
// compose from left to right,
//
//	hook.Z(9).Head(6).At(-1)
//
// reads as "the z of head 9.6 at the last position". An [Edit] is a point and
// what to do there: hook.Z(9).Head(6).Zero().
//
// Names and meanings are TransformerLens': String gives its name for the
// activation, [Parse] reads it. [Kind.Axes] states the shape of each. One
// meaning is ours: hook_normalized is what the next layer reads, after the
// norm's weight and bias, for every kind of norm (see NORMALIZED.md).
//
// # Conventions
//
// Positions count from the start of each row, and negative ones from the row's
// end, so that At(-1) is the last token of every row of a ragged batch. What
// is not selected means all of it. Points and edits are plain data: they can be
// printed, compared by their String, and sent between processes.
package hook
