// Package plan says what a job must compute, before anything is computed.
//
// A [Batch] is rows and variants of them. For every row of every variant its
// [Row] says which blocks run and at which positions: what the variant changes,
// as far as something reads it ([Batch.Sweep]). Rows that the same graphs run
// are a [Group], cut into chunks; rows of a group that start from one past share
// it in a lane. Run and generation are groups of whole rows ([Batch.Pass],
// [Batch.Growth]). The cost in multiplications and bytes follows from that.
//
// The package is pure: no graph, no weights, no activation. What it finds is
// held to tables in its tests, and, through package exec, to naive runs.
package plan
