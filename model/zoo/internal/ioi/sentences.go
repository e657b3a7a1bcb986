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
type writer struct {
	rng   *rand.Rand
	names []string
	pairs int // at most so many pairs of names in a sentence: 1 or 2
}

// newWriter draws from a seed; streams of one seed are independent.
func newWriter(seed, stream uint64) *writer {
	return &writer{rand.New(rand.NewPCG(seed, stream)), names, 2}
}

func (w *writer) one(of []string) string { return of[w.rng.IntN(len(of))] }

// frame draws a sentence of the task up to the name that it asks for. Two pairs
// of names are in one of two sentences: only which name acts then tells who
// gets it.
func (w *writer) frame(pairs int) string {
	switch k := w.rng.IntN(20); {
	case pairs == 2:
		second := strings.NewReplacer("{1}", "{3}", "{2}", "{4}", "{PLACE}", "{ELSEWHERE}").Replace(w.one(clauses))
		return w.first(w.one(clauses)+w.one(joints)+second) + w.one(gives)
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
func (w *writer) frameIs(out bool, pairs int) string {
	for {
		if f := w.frame(pairs); keptOut(f) == out {
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
	third, fourth string // the other pair, in frames of two pairs
	acts, gets    string
}

// castIs draws two names of which one acts, of a pair that is kept out of
// training or not. None of the names is among those used already.
func (w *writer) castIs(out bool, used []string) cast {
	for {
		a, b := w.one(w.names), w.one(w.names)
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

// among puts the two who take part into a sentence of two pairs.
func (c cast) among(w *writer, used []string) cast {
	others := w.castIs(false, append([]string{c.first, c.second}, used...))
	c.third, c.fourth = others.first, others.second
	if w.rng.IntN(2) == 0 {
		c.first, c.second, c.third, c.fourth = c.third, c.fourth, c.first, c.second
	}
	return c
}

// names are all who are named.
func (c cast) names() []string {
	return slices.DeleteFunc([]string{c.first, c.second, c.third, c.fourth, c.acts, c.gets}, func(s string) bool { return s == "" })
}

// fill puts names and words into a frame.
func (c cast) fill(frame string, w *writer) string {
	place, elsewhere, object := w.one(places), w.one(places), w.one(objects)
	return strings.NewReplacer("{1}", c.first, "{2}", c.second, "{3}", c.third, "{4}", c.fourth, "{ELSEWHERE}", elsewhere, "{S}", c.acts, "{R}", c.gets, "{PLACE}", place, "{OBJECT}", object).Replace(frame)
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
		c := w.castIs(false, used)
		pairs := 1 + w.rng.IntN(w.pairs)
		if pairs == 2 {
			c = c.among(w, used)
		}
		frame := w.frameIs(false, pairs) + " {R}."
		switch k := w.rng.IntN(10); {
		case k < 2:
			frame = w.one(alone)
		case k == 2: // a third acts, and either of the two may get it
			c = w.castIs(false, used)
			c.acts = w.castIs(false, append(c.names(), used...)).acts
			frame = w.frameIs(false, 1) + " {R}."
		case w.rng.Float64() < slip:
			c.gets = c.acts
		case w.rng.IntN(3) == 0:
			frame += " " + w.one(after)
		}
		add(c.fill(frame, w))
		used = append(used, c.names()...)
	}
	return strings.Join(text, " ")
}
