// Package tally reduces activations over a corpus: what is kept is counts, moments,
// histograms, covariances and the largest values with where they stood, never the
// activations.
//
// A [Reducer] says what is kept of a hook point; a [State] is what was kept so far.
// States of the same reducer merge, in any order, so that a corpus can be tallied in
// pieces, on several machines, and after a cut.
//
// # Units
//
// A unit is one value of an activation at a position: a neuron of hook.MLPPost, a
// coordinate of the residual stream, a coordinate of a head's z. Units are numbered
// in the order of the activation's axes behind the position, of those that the point
// selects.
//
// # Invariants
//
// Counts are exact. Sums are kept to twice the precision of float64, so that they
// round to the same float64 in whichever order rows come. NaN, which no model should
// give, is counted and left out of all else.
package tally
