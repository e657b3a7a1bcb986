// Package zoo holds the models that ship inside of golens: small transformers
// that open without a download, as "zoo:NAME", or "zoo:NAME@STEP" for the
// weights at a step of the training.
//
//	induction   a hand-made induction network: every score is known exactly
//	godoc-2l    two layers of attention, trained on the comments of Go's
//	            standard library, with checkpoints across its phase change
//
// Each has a MODEL_CARD.md beside its weights in files/, and a command that
// makes it again:
//
//	go run ./model/zoo/cmd/planted
//	GOEXPERIMENT=simd go run ./model/zoo/cmd/train
//
// This package only finds files, so that the light side of a notebook may list
// what exists; package model opens them.
package zoo
