package ioi

import (
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
)

// held is the share of frames and of pairs of names kept out of training: one
// in so many.
const held = 10

// A writer draws sentences. The same seed draws the same ones.
type writer struct{ rng *rand.Rand }

// newWriter draws from a seed; streams of one seed are independent.
func newWriter(seed, stream uint64) *writer { return &writer{rand.New(rand.NewPCG(seed, stream))} }

func (w *writer) one(of []string) string { return of[w.rng.IntN(len(of))] }

// frame draws a sentence of the task up to the name that it asks for.
func (w *writer) frame() string {
	switch k := w.rng.IntN(20); {
	case k == 0:
		return w.one(relative)
	case k < 4:
		return w.first(w.one(found)) + w.one(givesIt)
	default:
		return w.first(w.one(clauses)) + w.one(gives)
	}
}

// first is a clause with its opening and its link.
func (w *writer) first(clause string) string {
	if w.rng.IntN(2) == 0 {
		return w.one(conjunctions) + clause + ", "
	}
	return w.one(openings) + clause + w.one(links)
}

// frameIs draws frames until one is kept out of training, or is not.
func (w *writer) frameIs(out bool) string {
	for {
		if f := w.frame(); keptOut(f) == out {
			return f
		}
	}
}

// keptOut tells whether training never sees the frame.
func keptOut(frame string) bool { return slices.Contains(KeptOut, frame) || hash(frame)%held == 0 }

// pairKeptOut tells whether training never sees the two names as indirect
// object and subject.
func pairKeptOut(io, s string) bool { return hash(io+" "+s)%held == 0 }

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64() >> 17 // the lowest bits of FNV mix least
}

// A cast is who takes part in a sentence.
type cast struct {
	first, second string // as they are named first
	acts, gets    string
}

// castIs draws two names of which one acts, of a pair that is kept out of
// training or not. None of the names is among those used already.
func (w *writer) castIs(out bool, used []string) cast {
	for {
		a, b := w.one(names), w.one(names)
		if a == b || slices.Contains(used, a) || slices.Contains(used, b) || pairKeptOut(a, b) != out {
			continue
		}
		c := cast{first: a, second: b, gets: a, acts: b} // ABBA
		if w.rng.IntN(2) == 0 {
			c.first, c.second = b, a // BABA
		}
		return c
	}
}

// fill puts names and words into a frame.
func (c cast) fill(frame, place, object string) string {
	return strings.NewReplacer("{1}", c.first, "{2}", c.second, "{S}", c.acts, "{R}", c.gets, "{PLACE}", place, "{OBJECT}", object).Replace(frame)
}

// slip is the share of sentences in which the one who acts is also the one who
// gets it, so that nobody can be certain: the best logit difference of the two
// names is ln(0.97/0.03) = 3.5.
const slip = 0.03

// story is sentences one after another, about so many characters of them.
// No name is in two of the sentences that are drawn apart.
func (w *writer) story(length int) string {
	var text []string
	var used []string
	size := 0
	add := func(s string) { text, size = append(text, s), size+len(s)+1 }
	for size < length {
		place, object := w.one(places), w.one(objects)
		c := w.castIs(false, used)
		used = append(used, c.first, c.second)
		switch k := w.rng.IntN(10); {
		case k < 2:
			add(c.fill(w.one(alone), place, object))
		case k == 2: // a third acts, and either of the two may get it
			other := w.castIs(false, used)
			used = append(used, other.acts)
			c.acts = other.acts
			add(c.fill(w.frameIs(false)+" {R}.", place, object))
		default:
			if w.rng.Float64() < slip {
				c.gets = c.acts
			}
			add(c.fill(w.frameIs(false)+" {R}.", place, object))
			if c.gets != c.acts && w.rng.IntN(3) == 0 {
				add(c.fill(w.one(after), place, object))
			}
		}
	}
	return strings.Join(text, " ")
}
