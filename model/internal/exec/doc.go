// Package exec runs jobs on a model: forward passes with captures and edits,
// sweeps, generations, gradients and products of weights.
//
// # Graphs
//
// One graph is compiled for the embedding, one for the unembedding, and one per
// set of hooks for a block, which every layer shares: weights, edited values,
// positions and masks are its inputs. A run can therefore start and stop at any
// layer, holds one block's memory, and a second run with other values compiles
// nothing.
//
// # One loop
//
// Package plan says what a job must compute: rows, the blocks that each runs, the
// positions of each block, and which rows run side by side. A chunk (loop.go)
// takes such rows from where they start (tokens, or what another run left)
// through their blocks to the unembedding. Run, Sweep and Generate are drivers of
// this loop: they differ in the plan, in what lies before the first position (
// nothing, the base run's keys and values, a cache) and in where what is read of a
// row goes. ADR/frontier.md and ADR/generation.md tell why.
//
// On the Go backend chunks run side by side, one per processor; on XLA, which has
// threads of its own, one after the other, in shapes rounded up to a few sizes so
// that few graphs are compiled. A row's values do not depend on how a batch is
// cut.
//
// Gradients go block by block in reverse from the saved residual stream: each
// block's graph computes its forward again and multiplies back the gradient of
// its output. Memory stays one block's.
//
// # How a verb plugs in
//
// What a model can be asked is a type in package model (an Ask with its answer;
// model/cost.go is a small one), a function there that resolves it to a job of
// package plan, and a function here. That function makes a plan.Batch (the rows
// and who edits and reads what), a work (where values come from and where they
// go) and runs its chunks. The loop has these places for more:
//
//   - What is computed with an activation is a slot of a graph (plan.Slot, taps.go).
//     A slot has inputs, which fillSlot fills for each row, and apply, which builds
//     it; taps.found has the nodes of what the graph came by before. A formula is a
//     slot whose inputs are tensors and what it takes of other runs.
//   - What a formula reads of other activations, plan must know as it knows edits:
//     Batch.changes says where an edit may change something, which of the base run
//     it takes is in Batch.used, and that an activation is read, in Batch.Points.
//   - What blocks hand on beside the residual stream goes the way of a
//     generation's cache: form says that a graph has it, form.around names the
//     inputs, chunk.around gives them, chunk.block keeps what comes out.
//   - What is kept of a row is work.to (a place in an array) and work.metric (a
//     number); a reducer over many rows is another of these.
//   - The weights of a block are looked up for each call (chunk.call), so that they
//     may be made when a block runs and dropped afterwards.
//   - The way back (backward.go) gives gradients of activations; those of a slot's
//     inputs are further outputs of the same graphs.
//
// The package trusts its jobs: package model checks what it is asked before it
// makes jobs of it.
package exec
