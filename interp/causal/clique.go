package causal

import (
	"fmt"
	"math/bits"
	"slices"
)

// A Clique is a set of inputs on which a causal model is an abstraction: of any two of
// them, each exchange with the other agrees, and the model answers each rightly.
type Clique struct {
	Inputs []int
	Of     int  // inputs there are
	Exact  bool // no larger one exists; otherwise the search was cut
}

// String says how large it is.
func (c *Clique) String() string {
	how := "the largest there is"
	if !c.Exact {
		how = "at least: the search was cut"
	}
	return fmt.Sprintf("a clique of %d of %d inputs (%s)", len(c.Inputs), c.Of, how)
}

// mostBranches bounds the search for cliques, which takes exponential time at worst.
const mostBranches = 2_000_000

// Clique is the largest set of inputs whose exchanges all agree, for the i-th test. The
// test must have run all pairs. Source: Geiger et al. 2021, section 4.
func (a *Accuracy) Clique(i int) (*Clique, error) {
	if i < 0 || i >= len(a.Agrees) {
		return nil, fmt.Errorf("clique: test %d of %d", i, len(a.Agrees))
	}
	n := len(a.right)
	agrees := make([][]bool, n)
	for r := range agrees {
		agrees[r] = make([]bool, n)
	}
	tried := 0
	for k, p := range a.Pairs {
		agrees[p.Base][p.Source] = a.Agrees[i][k]
		tried++
	}
	if tried < n*(n-1) {
		return nil, fmt.Errorf("clique: %d of %d pairs were tried; all are needed: leave Sources out, and take prompts of one length", tried, n*(n-1))
	}
	s := cliques{n: n, next: make([]bitset, n)}
	var all bitset = make([]uint64, (n+63)/64)
	for r := range n {
		s.next[r] = make([]uint64, (n+63)/64)
		for c := range n {
			if c != r && a.right[r] && a.right[c] && agrees[r][c] && agrees[c][r] {
				s.next[r].add(c)
			}
		}
		if a.right[r] {
			all.add(r)
		}
	}
	s.grow(nil, all)
	slices.Sort(s.best)
	return &Clique{Inputs: s.best, Of: n, Exact: s.branches < mostBranches}, nil
}

type bitset []uint64

func (b bitset) add(i int)    { b[i/64] |= 1 << (i % 64) }
func (b bitset) remove(i int) { b[i/64] &^= 1 << (i % 64) }
func (b bitset) and(c bitset) bitset {
	out := make(bitset, len(b))
	for i := range b {
		out[i] = b[i] & c[i]
	}
	return out
}
func (b bitset) first() int {
	for i, w := range b {
		if w != 0 {
			return 64*i + bits.TrailingZeros64(w)
		}
	}
	return -1
}

// cliques is a search by branch and bound: colours, none of whose members know each
// other, bound how many more can join. Source: Tomita and Seki 2003.
type cliques struct {
	n        int
	next     []bitset
	best     []int
	branches int
}

func (s *cliques) grow(have []int, may bitset) {
	if s.branches++; s.branches >= mostBranches {
		return
	}
	if len(have) > len(s.best) {
		s.best = slices.Clone(have)
	}
	var order, colour []int
	left := slices.Clone(may)
	for c := 1; bitset(left).first() >= 0; c++ {
		free := slices.Clone(left)
		for v := bitset(free).first(); v >= 0; v = bitset(free).first() {
			order, colour = append(order, v), append(colour, c)
			bitset(left).remove(v)
			bitset(free).remove(v)
			for i := range free {
				free[i] &^= s.next[v][i]
			}
		}
	}
	may = slices.Clone(may)
	for i := len(order) - 1; i >= 0; i-- {
		if len(have)+colour[i] <= len(s.best) {
			return
		}
		s.grow(append(slices.Clone(have), order[i]), may.and(s.next[order[i]]))
		may.remove(order[i])
	}
}
