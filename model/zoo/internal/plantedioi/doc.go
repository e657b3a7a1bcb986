// Package plantedioi makes a network that does indirect object identification
// (the prompts of package interp/task) by setting its weights, with one head of
// each of the seven classes that Wang et al. 2022 found in GPT-2 small, so that
// every role is known before it is looked for.
//
// # The residual stream
//
// Blocks of coordinates, each one-hot, side by side; n is one of the names:
//
//	tok [n]      the name here               written by the embedding; other words write nothing
//	prev [n]     the name just before        written by 0.1
//	dup [n]      the name here, if it was    written by 0.0 and 1.0, half each
//	             named before
//	inh [n]      the name not to say         written by 2.0
//	out [n]      the name to say             written by 3.0, 3.1 and 4.0, read by the unembedding
//	spare [n]    nothing reads it            written by the decoys
//	pos [pos]    the position                written by the positional embedding
//	dupPos [pos] where the name here was     written by 0.0 and 1.0, half each
//	             named before
//	inhPos [pos] where not to look           written by 2.0
//	asks [1]     the word here is "to"       written by the embedding
//
// There is no norm and no MLP, and attention scores are not scaled. A match
// scores [Match]; the first position scores [Rest] for every query of every head
// but 0.1 and 1.1, so that a head that matches nothing rests there, where there
// is nothing to read.
//
// # The heads
//
//	head  class              query at        attends to                     writes
//	0.0   duplicate token    any name        the same name, earlier         dup, dupPos: half
//	0.1   previous token     any             the token before               prev
//	1.0   induction          any name        the token after the same name  dup, dupPos: half
//	1.1   (decoy)            any             the token before               spare
//	2.0   S-inhibition       "to"            a name named before            inh, inhPos
//	2.1   (decoy)            "to"            the same                       spare
//	3.0   name mover         "to"            names, less what 2.0 says      out: +1
//	3.1   negative mover     "to"            the same                       out: -1/4
//	4.0   backup mover       "to"            names, less what 2.0 says and  out: +3/4
//	                                         less what out says already
//	4.1   (decoy)            "to"            as 3.0                         spare
//
// What 2.0 writes is two signals: which name was said twice (inh, the token
// signal) and where that name stands (inhPos, the position signal: both times).
// A name that the movers look at scores [Match] - [TokenWeight] inh -
// [PositionWeight] inhPos.
package plantedioi
