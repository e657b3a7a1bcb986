package circuit

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
)

// A Search says which sets K of a circuit's nodes are taken out when its
// completeness is measured. The empty set is always among them.
type Search struct {
	Random    int      // random sets, of each node with probability 1/2; 0 means 20, negative none; those that are there already count once
	NoClasses bool     // leave out the sets that are a class each
	Sets      [][]Part // sets of one's own
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

// A Without is a circuit and the model, both without a set of nodes.
type Without struct {
	Kind  string // empty, random, class, greedy or own
	K     []Part // what is taken out
	Name  string // of the class, or the parts
	Alone Estimate
	Model Estimate
	Gap   Estimate // |F(C\K) - F(M\K)|
}

// A Complete is how differently a circuit and the model do without parts of the
// circuit.
type Complete struct {
	*interp.Result // the gaps [set]
	Circuit        string
	Settings       Settings
	Search         Search
	Sets           []Without
	Worst          Estimate // the largest gap; the upper end counts the maximum over the sets anew in each draw
	Whole, Empty   Estimate // F(M), and F(∅) with everything gone
	gap            float64
}

// Completeness measures whether a circuit has all that does the task: for sets K
// of its nodes, how far the circuit without K is from the model without K. In an
// incomplete circuit some K leaves the model its stand-ins, which the circuit
// lacks. Small gaps over all sets tried do not show that there is no other.
//
// The greedy search looks for the largest gap and finds what is large on these
// prompts: its gap is biased upwards. Each set costs two passes, of what it
// changes; a search of 10 runs of 10 steps of 10 nodes at most 2,000. Source:
// Wang et al. 2022, section 4.
func Completeness(m *model.Model, t *task.Task, c *Circuit, s Settings, search Search) (*Complete, error) {
	fail := func(err error) (*Complete, error) { return nil, fmt.Errorf("completeness: %w", err) }
	search, err := search.defaults()
	if err != nil {
		return fail(err)
	}
	p, err := newPair(m, t, c, s.Ablation)
	if err != nil {
		return fail(err)
	}
	r := &Complete{Circuit: c.Title(), Settings: s, Search: search}
	if r.Sets, err = search.tried(p, newRand(s.Seed)); err != nil {
		return fail(err)
	}
	return r, r.measure(p)
}

// tried are the sets that a search takes out of a circuit; the greedy ones are
// found here.
func (s Search) tried(p *pair, rng *rand.Rand) ([]Without, error) {
	sets := []Without{{Kind: "empty"}}
	if !s.NoClasses {
		for _, class := range p.c.Classes() {
			sets = append(sets, Without{Kind: "class", K: p.c.Of(class), Name: class})
		}
	}
	for _, k := range s.Sets {
		for _, part := range k {
			if p.c.find(part) == nil {
				return nil, fmt.Errorf("the set %s has %s, which is no node of circuit %q", join(k), part, p.c.Name)
			}
		}
		sets = append(sets, Without{Kind: "own", K: k})
	}
	for range max(0, s.Random) {
		var k []Part
		for _, part := range p.c.Parts() {
			if rng.IntN(2) == 0 {
				k = append(k, part)
			}
		}
		// In a small circuit the same set comes up again.
		if !slices.ContainsFunc(sets, func(w Without) bool { return key(w.K) == key(k) }) {
			sets = append(sets, Without{Kind: "random", K: k})
		}
	}
	found, err := s.Greedy.search(p, rng)
	if err != nil {
		return nil, err
	}
	for _, k := range found {
		sets = append(sets, Without{Kind: "greedy", K: k})
	}
	return sets, nil
}

// measure runs all sets and estimates what they show.
func (r *Complete) measure(p *pair) error {
	sets := make([][]Part, len(r.Sets))
	for i, w := range r.Sets {
		sets[i] = w.K
	}
	if err := p.need(sets); err != nil {
		return fmt.Errorf("completeness: %w", err)
	}
	boot, n := r.Settings.Bootstrap, p.t.Len()
	names := make([]string, len(sets))
	signed := make([]func(rows []int) float64, len(sets))
	samples := array.New(array.Dim("sample", n), array.Dim("set", len(sets)))
	for i := range r.Sets {
		w := &r.Sets[i]
		alone, whole := p.of(w.K)
		signed[i] = func(rows []int) float64 { return mean(alone, rows) - mean(whole, rows) }
		for row := range n {
			samples.Set(alone[row]-whole[row], row, i)
		}
		for e, of := range map[*Estimate]func(rows []int) float64{
			&w.Alone: func(rows []int) float64 { return mean(alone, rows) },
			&w.Model: func(rows []int) float64 { return mean(whole, rows) },
		} {
			var err error
			if *e, err = estimate(boot, n, of); err != nil {
				return fmt.Errorf("completeness: %w", err)
			}
		}
		var err error
		if w.Gap, err = estimateSize(boot, n, signed[i]); err != nil {
			return fmt.Errorf("completeness: %w", err)
		}
		if w.Name == "" {
			w.Name = join(w.K)
		}
		names[i] = w.Kind + " " + w.Name
	}
	var err error
	r.Worst, err = estimate(boot, n, func(rows []int) float64 {
		most := 0.0
		for _, gap := range signed {
			most = max(most, math.Abs(gap(rows)))
		}
		return most
	})
	if err != nil {
		return fmt.Errorf("completeness: %w", err)
	}
	r.Worst.Lo = 0 // of the largest of sizes 0 is never drawn
	for _, w := range r.Sets {
		r.Worst.Lo = max(r.Worst.Lo, w.Gap.Lo)
	}
	whole, empty, err := p.ends()
	if err != nil {
		return fmt.Errorf("completeness: %w", err)
	}
	if r.Whole, r.Empty, err = estimateEnds(boot, whole, empty); err != nil {
		return fmt.Errorf("completeness: %w", err)
	}
	r.gap = gapOf(whole, empty)
	values := array.New(array.Labels("set", names))
	for i, w := range r.Sets {
		values.Set(w.Gap.Value, i)
	}
	r.Result = p.result(nil, "set", names, "", "")
	r.Array, r.Samples = values.Named(`|F(C\K) − F(M\K)|`, p.t.Metric.Unit()), samples
	r.Method += ", greedy search " + r.Search.Greedy.Rule.String()
	return r.Err()
}

// Alone is F(C\K) of every set [set], the vertical axis of the paper's figure.
func (r *Complete) Alone() *array.Array {
	return r.values(`F(C\K)`, func(w Without) float64 { return w.Alone.Value })
}

// Model is F(M\K) of every set [set], the horizontal axis of the paper's figure.
func (r *Complete) Model() *array.Array {
	return r.values(`F(M\K)`, func(w Without) float64 { return w.Model.Value })
}

func (r *Complete) values(title string, of func(Without) float64) *array.Array {
	a := array.New(r.Axes()...)
	for i, w := range r.Sets {
		a.Set(of(w), i)
	}
	return a.Named(title, r.Unit())
}

// String is a table of the sets, largest gap first, and the settings.
func (r *Complete) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "completeness of %s: largest gap %s, %.1f%% of F(M) − F(∅) = %.3f\n", r.Circuit, r.Worst, 100*r.Worst.Value/r.gap, r.gap)
	sets := slices.Clone(r.Sets)
	slices.SortStableFunc(sets, func(a, b Without) int {
		switch {
		case a.Gap.Value > b.Gap.Value:
			return -1
		case a.Gap.Value < b.Gap.Value:
			return 1
		}
		return 0
	})
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "kind\tK\tF(C\\K)\tF(M\\K)\tgap")
	for _, s := range sets[:min(shown, len(sets))] {
		fmt.Fprintf(w, "%s\t%s\t%.3f\t%.3f\t%s\n", s.Kind, s.Name, s.Alone.Value, s.Model.Value, s.Gap)
	}
	_ = w.Flush() // a strings.Builder takes everything
	if more := len(sets) - shown; more > 0 {
		fmt.Fprintf(&b, "and %d sets with smaller gaps\n", more)
	}
	fmt.Fprintf(&b, "%s (%s)\n%s\n", r.Method, r.Source, r.Provenance)
	return b.String()
}
