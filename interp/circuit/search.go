package circuit

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/golens/golens/interp/graph"
)

// A Search says which sets K of a circuit's nodes are taken out when its
// completeness is measured. The empty set is always among them.
type Search struct {
	Random    int            // random sets, of each node with probability 1/2; 0 means 20, negative none; those that are there already count once
	NoClasses bool           // leave out the sets that are a class each
	Sets      [][]graph.Part // sets of one's own
	Greedy    Greedy
}

// A Greedy search looks for the set that shows a circuit to be incomplete: it
// starts from nothing and adds a node at a time.
type Greedy struct {
	Runs   int  // searches; 0 means 10, negative none
	Steps  int  // nodes added at most; 0 means 10
	Sample int  // nodes tried at each step, drawn anew; 0 means 10
	Rule   Rule // which of them is added
}

// A Rule says which node a greedy search adds, and when.
type Rule int

const (
	// AsReleased adds the node v with the largest |F(C\(K+v)) - F(M\(K+v))|, if
	// that is more than without it: what the paper's released code does.
	AsReleased Rule = iota
	// AsPrinted always adds the node v with the largest |F(C\(K+v)) - F(C\K)|:
	// what algorithm 3 of the paper says. Of the sets on the way the one with
	// the largest gap counts.
	AsPrinted
)

// String names the rule.
func (r Rule) String() string {
	switch r {
	case AsReleased:
		return "as in the released code"
	case AsPrinted:
		return "as printed in algorithm 3"
	}
	return fmt.Sprintf("unknown (%d)", int(r))
}

func (s Search) defaults() (Search, error) {
	zero := func(v *int, to int) {
		if *v == 0 {
			*v = to
		}
	}
	zero(&s.Random, 20)
	zero(&s.Greedy.Runs, 10)
	zero(&s.Greedy.Steps, 10)
	zero(&s.Greedy.Sample, 10)
	if g := s.Greedy; g.Rule != AsReleased && g.Rule != AsPrinted || g.Steps < 0 || g.Sample < 0 {
		return s, fmt.Errorf("greedy search: rule %s, %d steps, %d nodes tried at each", g.Rule, g.Steps, g.Sample)
	}
	return s, nil
}

// tried are the sets that a search takes out of a circuit; the greedy ones are
// found here.
func (s Search) tried(w *withoutSets, rng *rand.Rand) ([]SetGap, error) {
	sets := []SetGap{{Kind: "empty"}}
	if !s.NoClasses {
		for _, class := range w.c.Classes() {
			sets = append(sets, SetGap{Kind: "class", K: w.c.Of(class), Name: class})
		}
	}
	for _, k := range s.Sets {
		if p, stranger := w.c.stranger(k); stranger {
			return nil, fmt.Errorf("the set %s has %s, which is no node of circuit %q", Join(k), p, w.c.Name)
		}
		sets = append(sets, SetGap{Kind: "own", K: k})
	}
	for range max(0, s.Random) {
		var k []graph.Part
		for _, part := range w.c.Parts() {
			if rng.IntN(2) == 0 {
				k = append(k, part)
			}
		}
		// In a small circuit the same set comes up again.
		if !slices.ContainsFunc(sets, func(g SetGap) bool { return key(g.K) == key(k) }) {
			sets = append(sets, SetGap{Kind: "random", K: k})
		}
	}
	found, err := s.Greedy.search(w, rng)
	if err != nil {
		return nil, err
	}
	for _, k := range found {
		sets = append(sets, SetGap{Kind: "greedy", K: k})
	}
	return sets, nil
}

// stranger is the first part that is no node of the circuit.
func (c *Circuit) stranger(parts []graph.Part) (p graph.Part, found bool) {
	i := slices.IndexFunc(parts, func(p graph.Part) bool { return c.find(p) == nil })
	if i < 0 {
		return p, false
	}
	return parts[i], true
}
