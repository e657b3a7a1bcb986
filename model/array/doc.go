// Package array holds host arrays whose axes have names.
//
// An [Array] is what comes back from a model: float32 values in row-major
// order, the name of every axis (batch, head, query, ...), and, where they are
// known, a label per index (tokens, "9.6"), a title and a unit. It reads,
// slices and reduces (sums, means, lengths, differences, cosines, the largest
// values); it does no other arithmetic.
//
// # Errors stick
//
// Arrays are made to be chained in a notebook cell, so a wrong axis or index
// does not panic and does not need a check at each step: the array that comes
// out carries the error, passes it on through every further call, and gives it
// from [Array.Err]. A figure drawn from it shows the error in its place.
package array
