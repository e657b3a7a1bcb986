// Package training trains the zoo's small transformers and
// measures them while they learn.
//
// The forward pass is package arch's, the same that runs a finished model; the
// loss, the optimizer and the schedule are GoMLX'.
package training
