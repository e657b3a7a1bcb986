// Package equality makes by hand a network that does hierarchical equality: of four
// entities a b c d it says whether "a and b are equal" and "c and d are equal" agree.
// It is the test of causal abstraction of Geiger et al. 2021 as a transformer: what
// every neuron computes is known.
//
// # The residual stream
//
//	xy [2]      the entity here, a point of the grid 0..3 by 0..3
//	asks [1]    1 at the token "same"
//	pos [6]     the position, one-hot
//	slots [8]   at "same": the points of a, b, c and d, written by head 0.i from position i+1
//	h [8]       at "same": what the MLP of layer 0 found
//	out [1]     at "same": above 0 if the two pairs disagree, written by the MLP of layer 1
//
// # The neurons
//
// Those of layer 0 are the differences relu(a-b) and relu(b-a) by coordinate: 0 to 3
// of the first pair, 4 to 7 of the second. Their sum over a pair, p or q, is 0 if and
// only if its entities are equal. Those of layer 1 are relu(p-q), relu(q-p) and p+q,
// and out = |p-q| - 3/4 (p+q): 0 if both pairs are equal, at most -1/4 if neither is, at
// least 1/4 if one is.
//
// In the second network h is written rotated, by a Hadamard matrix whose rows and
// columns are in a drawn order and of drawn signs, and read accordingly: it says the
// same, and no coordinate of h belongs to one pair.
package equality
