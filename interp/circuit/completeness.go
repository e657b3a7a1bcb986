package circuit

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model/array"
)

// A SetGap is a circuit and the model, both without a set K of nodes.
type SetGap struct {
	Kind  string       // empty, random, class, greedy or own
	K     []graph.Part // what is taken out
	Name  string       // of the class, or the parts
	Alone Estimate
	Model Estimate
	Gap   Estimate // |F(C\K) - F(M\K)|
}

// A Completeness is how differently a circuit and the model do without parts of the
// circuit.
type Completeness struct {
	*interp.Result // the gaps [set]
	Circuit        string
	Settings       Settings
	Sets           []SetGap
	Worst          Estimate // the largest gap; the upper end counts the maximum over the sets anew in each draw
	Whole, Empty   Estimate // F(M), and F(∅) with everything gone

	gap float64 // between the two
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
func (t *Test) Completeness(c *Circuit) (*Completeness, error) {
	r, err := t.completeness(c)
	if err != nil {
		return nil, fmt.Errorf("completeness: %w", err)
	}
	return r, r.Err()
}

func (t *Test) completeness(c *Circuit) (*Completeness, error) {
	s := t.Settings
	var err error
	if s.Search, err = s.Search.defaults(); err != nil {
		return nil, err
	}
	k, err := t.of(c)
	if err != nil {
		return nil, err
	}
	r, w := &Completeness{Circuit: c.Title(), Settings: s}, k.without(c)
	if r.Sets, err = s.Search.tried(w, newRand(s.Seed)); err != nil {
		return nil, err
	}
	return r, r.measure(w)
}

// measure runs all sets and estimates what they show.
func (r *Completeness) measure(w *withoutSets) error {
	sets := make([][]graph.Part, len(r.Sets))
	for i, g := range r.Sets {
		sets[i] = g.K
	}
	if err := w.measure(sets); err != nil {
		return err
	}
	boot, n := r.Settings.Bootstrap, w.Task.Len()
	names := make([]string, len(sets))
	gaps := make([]func(rows []int) float64, len(sets)) // with their signs
	samples := array.New(array.Dim("sample", n), array.Dim("set", len(sets)))
	for i := range r.Sets {
		g := &r.Sets[i]
		alone, whole := w.of(g.K)
		gaps[i] = func(rows []int) float64 { return mean(alone, rows) - mean(whole, rows) }
		for row := range n {
			samples.Set(alone[row]-whole[row], row, i)
		}
		var err error
		if g.Alone, g.Model, err = estimateBoth(boot, alone, whole); err != nil {
			return err
		}
		if g.Gap, err = estimateSize(boot, n, gaps[i]); err != nil {
			return err
		}
		if g.Name == "" {
			g.Name = Join(g.K)
		}
		names[i] = g.Kind + " " + g.Name
	}
	var err error
	r.Worst, err = estimate(boot, n, func(rows []int) float64 {
		most := 0.0
		for _, gap := range gaps {
			most = max(most, math.Abs(gap(rows)))
		}
		return most
	})
	if err != nil {
		return err
	}
	r.Worst.Lo = 0 // the largest of sizes is never drawn as 0
	for _, g := range r.Sets {
		r.Worst.Lo = max(r.Worst.Lo, g.Gap.Lo)
	}
	whole, empty, err := w.ends()
	if err != nil {
		return err
	}
	if r.Whole, r.Empty, err = estimateBoth(boot, whole, empty); err != nil {
		return err
	}
	r.gap = gapOf(whole, empty)
	values := array.New(array.Labels("set", names))
	for i, g := range r.Sets {
		values.Set(g.Gap.Value, i)
	}
	r.Result = w.result(nil, "set", names, "", "")
	r.Array, r.Samples = values.Named(`|F(C\K) − F(M\K)|`, w.Task.Metric.Unit()), samples
	r.Method += ", greedy search " + r.Settings.Search.Greedy.Rule.String()
	return nil
}

// WorstOf is the largest gap of sets of one kind, such as greedy; 0 if there are
// none.
func (r *Completeness) WorstOf(kind string) (gap float64) {
	for _, s := range r.Sets {
		if s.Kind == kind {
			gap = max(gap, s.Gap.Value)
		}
	}
	return gap
}

// Alone is F(C\K) of every set [set], the vertical axis of the paper's figure.
func (r *Completeness) Alone() *array.Array {
	return r.values(`F(C\K)`, func(w SetGap) float64 { return w.Alone.Value })
}

// Model is F(M\K) of every set [set], the horizontal axis of the paper's figure.
func (r *Completeness) Model() *array.Array {
	return r.values(`F(M\K)`, func(w SetGap) float64 { return w.Model.Value })
}

func (r *Completeness) values(title string, of func(SetGap) float64) *array.Array {
	a := array.New(r.Axes()...)
	for i, w := range r.Sets {
		a.Set(of(w), i)
	}
	return a.Named(title, r.Unit())
}

// String is a table of the sets, largest gap first, and the settings.
func (r *Completeness) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "completeness of %s: largest gap %s, %.1f%% of F(M) − F(∅) = %.3f\n", r.Circuit, r.Worst, 100*r.Worst.Value/r.gap, r.gap)
	sets := slices.Clone(r.Sets)
	slices.SortStableFunc(sets, func(a, b SetGap) int {
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
