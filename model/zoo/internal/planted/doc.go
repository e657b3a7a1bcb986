// Package planted makes the hand-made induction network by setting its weights,
// so that every score of every head is known before it is measured.
//
// # The residual stream
//
// Four blocks of coordinates, each one-hot, side by side:
//
//	tok [vocab]  the token here          written by the embedding
//	prev [vocab] the token before it     written by head 0.0
//	out [vocab]  what to say next        written by the other heads, read by the unembedding
//	pos [pos]    the position            written by the positional embedding
//
// There is no norm, and attention scores are not scaled. A query that matches a
// key scores [Gain], any other pair 0, so attention is all or nothing, and even
// where nothing matches.
//
// # The heads
//
//	head  query    key            OV                attends to
//	0.0   pos      pos one before  tok to prev       the token before (previous-token head)
//	0.1   tok      tok             tok to out, -1/4  all copies of this token, itself too (duplicate-token head)
//	0.2   any tok  BOS             BOS to out, -1    the first position (a resting head)
//	1.0   prev     tok             tok to out, 1/4   all copies of the token before (copies, but is no induction head)
//	1.1   tok      prev            tok to out, 1     what followed earlier copies of this token (the induction head)
//	1.2   pos      the same pos    prev to out, -1/2 itself, and reads what head 0.0 wrote there
//
// So head 0.0 composes with the queries of 1.0, the keys of 1.1 and the values
// of 1.2, each with a Frobenius ratio of 1/sqrt(vocab) = 1/8, and nothing else
// composes. Only 0.0 and 1.1 carry induction.
package planted
