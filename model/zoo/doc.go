// Package zoo holds the models that ship inside of golens: small transformers
// that open without a download, as "zoo:NAME", or "zoo:NAME@STEP" for the
// weights at a step of the training.
//
//	induction   a hand-made induction network: every score is known exactly
//	ioi-planted a hand-made network that does indirect object identification,
//	            with one head of each of the seven classes and three decoys
//	equality    a hand-made network with MLPs that does hierarchical equality;
//	            equality-rotated is the same with its middle rotated
//	bilingual-3l three layers of Llama's shape, trained on English and on Go: neurons
//	            of a language, attention sinks, streaming
//	godoc-2l    two layers of attention, trained on the comments of Go's
//	            standard library, with checkpoints across its phase change
//	ioi-4l      four layers of attention, trained on made-up sentences to do
//	            indirect object identification
//	ioi-plain-1 to ioi-plain-3, ioi-dropout-1 to ioi-dropout-3
//	            the same task, smaller, without dropout and with it, three seeds each
//	syntax-3l, syntax-3l-suppressed, syntax-3l-promoted
//	            masked models of a grammar, with checkpoints, trained as they are and
//	            with attention between syntactic neighbours suppressed or promoted;
//	            beside the first its treebank and minimal pairs
//
// Each has a MODEL_CARD.md beside its weights in files/, and a command that
// makes it again:
//
//	go run ./model/zoo/cmd/planted
//	GOEXPERIMENT=simd go run ./model/zoo/cmd/train -model godoc-2l
//
// This package only finds files, so that the light side of a notebook may list
// what exists; package model opens them.
package zoo
