// Package bench runs whole analyses and says what they cost: time, memory, and
// what the sweeps of each stage cost beside one full pass for every variant.
//
//	r, err := bench.IOI(m, bench.Options{Prompts: 100})
//	fmt.Print(r)
//
// What an analysis finds is thrown away, so that the model need not be one that
// does the task: [Tokenizer] makes a tokenizer for models with random weights,
// which package model/random makes.
//
// Each stage includes what the engine compiles for it. Memory is the process's:
// where the model is in another one, a model host, that one's is not seen.
package bench
