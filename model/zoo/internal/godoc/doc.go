// Package godoc is the recipe of the zoo's trained model: its text, its
// tokenizer, its sizes and how it is trained.
package godoc
