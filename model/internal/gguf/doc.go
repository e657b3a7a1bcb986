// Package gguf reads models in llama.cpp's format: one file with the
// configuration, the tokenizer and the weights, most of them quantized.
//
// The header is read by gomlx/go-huggingface; before that it is walked through
// once, so that a hostile file costs no memory. Tensors are views into the mapped
// file, whose blocks become float32 where they are used (see package weights).
// What the header says of the model is written as the config.json that it was
// converted from, so that the families' own readers read it.
package gguf
