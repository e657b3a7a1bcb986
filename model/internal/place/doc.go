// Package place finds the values of an activation that a [hook.Point] selects
// in one row of a batch: where they lie in the whole activation, and where in a
// tensor that holds some of the row's positions.
//
// It is the one way from a selection to memory. Positions, heads, coordinates
// and rows are resolved by hook.Point.Indices, which is there for everything
// that has whole activations; a [View] says which positions a tensor holds, in
// which order. A [Selection] then reads, writes and combines values.
//
// It is pure: values are slices, and nothing here knows a model or a graph.
package place
