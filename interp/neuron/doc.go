// Package neuron says what the neurons of MLPs do over a corpus: how often they fire
// and on what ([Survey]: dead neurons, token detectors, n-grams, positional neurons),
// where they fire most ([Pages]), which are of one language ([Languages]), and what
// they read and write ([Weights], [Strongest]), and which do so with a token or on a text
// ([Promoting], [Firing]).
//
//	text := nb.Must(corpus.Tokenize(ctx, m, corpus.Folder("texts"), corpus.Settings{}))
//	rows := nb.Must(text.Rows(corpus.Rows{Length: 128, Packed: true}))
//	s := nb.Must(neuron.Survey(ctx, m, rows, neuron.Settings{}))
//	fmt.Println(s)
//
// # What it is to fire
//
// A neuron fires where its activation function gives more than 0. That is so where what
// it is given is above 0, for ReLU, GELU and SiLU alike, so that hook.MLPPre is what is
// counted: in a gated MLP, the gate. A ReLU that does not fire is exactly 0. GELU and
// SiLU are never: there a neuron that does not fire still writes a little, a dead one
// too, and a gated neuron's output has the sign of its linear branch. [Survey] says
// which kind a model has.
//
// # Sources
//
// Voita et al. 2023, "Neurons in Large Language Models: Dead, N-gram, Positional";
// Tang et al. 2024, "Language-Specific Neurons"; Olah et al. 2020, "Zoom In: An
// Introduction to Circuits".
package neuron
