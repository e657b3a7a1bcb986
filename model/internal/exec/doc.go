// Package exec runs jobs on a model: forward passes with captures and edits,
// and gradients, one block at a time.
//
// One graph is compiled for the embedding, one for the unembedding, and one
// per set of hooks for a block, which every layer shares: weights, edited
// values and masks are its inputs. A run can therefore start and stop at any
// layer, holds one block's memory, and a second run with other values compiles
// nothing.
//
// A batch is cut into chunks of rows. On the Go backend the chunks run side by
// side, one per processor; on XLA, which has threads of its own, one after the
// other, in shapes rounded up to a few sizes so that few graphs are compiled.
// Each chunk writes its rows of the answer; a row's values do not depend on
// the cut.
//
// Gradients go block by block in reverse from the saved residual stream: each
// block's graph computes its forward again and multiplies back the gradient of
// its output. Memory stays one block's.
//
// A sweep runs each row of each variant from the first block and at the
// positions that its edits can change and somebody reads; the rest is the base
// run's. ADR/frontier.md tells how and why.
//
// A generation computes the prompts and then one position of each row at a
// time, with keys and values kept on the device. ADR/generation.md tells how and
// why.
//
// The package trusts its jobs: package model checks requests before it makes
// jobs of them.
package exec
