// Package random makes models with random weights: of any size, in no time, and
// with nothing to download. They say nothing of worth, and cost what a trained
// model of their shape costs: what is measured on them is speed and memory.
//
//	err := random.GPT2(dir, random.GPT2Small, "F32", 1)
//	m, err := model.Open(dir)
//
// They have no tokenizer. A tokenizer.json in the folder is taken for theirs.
package random
