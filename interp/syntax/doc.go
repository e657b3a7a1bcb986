// Package syntax asks whether attention follows syntax: sentences with their
// dependency trees are read, attention is read word by word, and for every
// relation the head is found that points most often from a word to its head.
//
//	trees := nb.Must(syntax.ReadCoNLLU("treebank.conllu", file))
//	found := nb.Must(syntax.Attention{}.Find(m, trees))
//	fmt.Println(found) // UAS of each relation, beside the best fixed offset
//
// Minimal pairs in BLiMP's format are scored by the probability of their
// sentences ([Pairs]), in causal and in masked models.
//
// # UAS
//
// The unlabeled attachment score is the share of words whose head is found. For
// each relation a (layer, head, direction) is chosen on one half of the sentences
// and scored on the other. In the direction from a word to its head, the word's
// guess is the word that it attends to most; in the other, the word that attends
// to it most. A word never guesses itself, punctuation and the root guess nothing,
// and k words that are attended to alike share the guess: uniform attention over
// n words scores 1/(n-1).
//
// Source: Clark et al. 2019, "What Does BERT Look At?", and Chen et al. 2024,
// "Sudden Drops in the Loss". Clark et al. let a head's row vote for its
// dependents in the other direction; here every word has one guess in either.
package syntax
