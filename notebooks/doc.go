// Package notebooks holds golens' notebooks, numbered in the order in which to
// read them, and the test that runs them from top to bottom:
//
//	01-induction-heads  find an induction head, and prove that it is one
//	02-any-model        open a model, look inside, check its numbers
//	03-patching         which parts carry the answer, and along which paths
//	04-ioi              a circuit from dataset to test, and its limits
//	05-ioi-gpt2         the same in GPT-2 small, beside the paper's numbers
//	06-discovery        circuits found by programs, and how far to trust them
//	07-causal-abstraction
//	                    does a network compute what we say it computes?
//	08-lenses-and-directions
//	                    what the stream says before the end: lenses, probes, directions
//	09-neurons-and-languages
//	                    what neurons fire on, and those of one language
//	10-long-context     texts beyond the context: windows, sinks, retrieval heads
//	11-features         dictionaries: trained, read, ablated and steered
//	12-origins          how circuits come about, and what they are good for
//	13-real-model       all of it in a published model: SmolLM2-135M
//
// README.md maps them by what they answer. They carry their outputs, with figures as
// SVG. To read one with figures that answer to the pointer:
//
//	go run ./kernel/cmd/golens render notebooks/01-induction-heads.ipynb
//
// To run one and keep what it shows, after a change of its code:
//
//	GOLENS_SLOW=1 go test ./notebooks -run Render/01 -regen
package notebooks
