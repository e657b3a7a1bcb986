// Package ioi is the recipe of the zoo's model that does indirect object
// identification: the sentences that it is trained on, its tokenizer, its sizes
// and how it is trained.
//
// # Sentences
//
// A sentence of the task is put together from an opening, a clause with two
// names, a link and what one of the two gives the other: some ten thousand
// frames. Half of the sentences have a second pair of names in a clause of its
// own, so that who gets it can only be found by where the one who acts stood
// before. Every tenth frame is kept out of training, and so are all frames of
// the IOI prompts of package interp/task ([KeptOut]) and every tenth ordered
// pair of names. Beside them stand sentences of three names, where nothing tells
// who comes last, and of one.
package ioi
