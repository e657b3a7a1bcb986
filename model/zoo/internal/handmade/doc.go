// Package handmade sets the weights of attention-only networks by hand, matrix
// entry by matrix entry, and makes their word-by-word tokenizers.
package handmade
