package causal

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
)

// An Interchange tests an alignment by interchange interventions.
type Interchange struct {
	Alignment Alignment

	// Variables are what is exchanged at once, one list for each test; nil means each
	// variable of the alignment alone, and, of several, all at once.
	Variables [][]string

	Sources int    // how many sources each input is tried with, drawn; 0 means all others
	Random  int    // random alignments beside it; 0 means 3, -1 none
	Seed    uint64 // of what is drawn
}

// A Pair is a base input, and the source input that variables are taken from.
type Pair struct{ Base, Source int }

// An Accuracy is interchange intervention accuracy: the share of pairs in which the
// model's answer, with the aligned activations taken from the source, is the causal
// model's with the variables taken from the source [variables]. Samples are base
// inputs.
type Accuracy struct {
	*interp.Result
	Lo, Hi *array.Array // where it mostly falls with other base inputs

	// None is the accuracy without intervention, held to the same answers, and Random
	// that of alignments of the same size at drawn places, NaN where there is none.
	None, Random *array.Array
	Task         float64 // share of inputs that the model gets right as it is

	Variables [][]string
	Pairs     []Pair
	Agrees    [][]bool // in which pairs the two answers agree [variables][pair]
	right     []bool   // inputs
}

// Test runs all pairs of inputs as one sweep: of each run only what lies behind the
// exchanged activations. Pairs whose prompts are of different lengths are left out.
//
// A high accuracy says that the aligned activations play the variable's part in the
// model's answer on such inputs, not that nothing else does. Source: Geiger et al.
// 2021, "Causal Abstractions of Neural Networks".
func (x Interchange) Test(m *model.Model, d *Data) (*Accuracy, error) {
	a, err := x.test(m, d)
	if err != nil {
		return nil, fmt.Errorf("interchange: %w", err)
	}
	return a, nil
}

func (x Interchange) test(m *model.Model, d *Data) (*Accuracy, error) {
	if len(x.Alignment) == 0 {
		return nil, errors.New("the alignment is empty")
	}
	for name, sites := range x.Alignment {
		if len(sites) == 0 {
			return nil, fmt.Errorf("%q is aligned with no site; give at least one", name)
		}
	}
	tests := x.Variables
	if tests == nil {
		var all []string
		for _, v := range d.Model.Variables {
			if _, is := x.Alignment[v.Name]; is {
				tests, all = append(tests, []string{v.Name}), append(all, v.Name)
			}
		}
		if len(all) > 1 {
			tests = append(tests, all)
		}
	}
	var sets [][]Site
	rng := rand.New(rand.NewPCG(x.Seed, 1))
	draws := x.Random
	if draws == 0 {
		draws = 3
	}
	draws = max(0, draws)
	for _, variables := range tests {
		var sites []Site
		for _, name := range variables {
			if _, err := d.Model.Variable(name); err != nil {
				return nil, err
			}
			own, is := x.Alignment[name]
			if !is {
				return nil, fmt.Errorf("the alignment says nothing of %q", name)
			}
			sites = append(sites, own...)
		}
		for _, s := range sites {
			if err := s.check(); err != nil {
				return nil, err
			}
		}
		sets = append(sets, sites)
		for range draws {
			other, err := elsewhere(m, d, sites, rng)
			if err != nil {
				return nil, err
			}
			sets = append(sets, other)
		}
	}
	for name := range x.Alignment {
		if _, err := d.Model.Variable(name); err != nil {
			return nil, err
		}
	}
	pairs, err := d.pairs(x.Sources, x.Seed)
	if err != nil {
		return nil, err
	}
	got, err := d.answers(m, pairs, sets)
	if err != nil {
		return nil, err
	}
	return got.accuracy(d, x, tests, draws)
}

// elsewhere are drawn sites, nil where one of them has no other place.
func elsewhere(m *model.Model, d *Data, sites []Site, rng *rand.Rand) ([]Site, error) {
	var all []Site
	for _, s := range sites {
		other, ok, err := s.elsewhere(m, d, rng)
		if err != nil || !ok {
			return nil, err
		}
		all = append(all, other)
	}
	return all, nil
}

func (g *answered) accuracy(d *Data, x Interchange, tests [][]string, draws int) (*Accuracy, error) {
	names := make([]string, len(tests))
	for i, variables := range tests {
		names[i] = strings.Join(variables, " + ")
	}
	axis := array.Labels("variables", names)
	samples, counts := array.New(array.Dim("sample", len(d.Inputs)), axis), make([]int, len(d.Inputs))
	a := &Accuracy{
		None: array.New(axis), Random: array.New(axis), Variables: tests, Pairs: g.pairs,
		Agrees: make([][]bool, len(tests)), right: make([]bool, len(d.Inputs)),
	}
	for i, in := range d.Inputs {
		run, err := d.Model.Run(in, nil)
		if err != nil {
			return nil, err
		}
		if a.right[i] = g.base[i] == run[d.Model.Output().Name]; a.right[i] {
			a.Task += 1 / float64(len(d.Inputs))
		}
	}
	for _, p := range g.pairs {
		counts[p.Base]++
	}
	for t, variables := range tests {
		want, err := d.labels(g.pairs, variables)
		if err != nil {
			return nil, err
		}
		none, random, drawn := 0, 0, 0
		for p, pair := range g.pairs {
			agrees := g.of[t*(1+draws)][p] == want[p]
			a.Agrees[t] = append(a.Agrees[t], agrees)
			if agrees {
				samples.Set(samples.At(pair.Base, t)+1, pair.Base, t)
			}
			if g.base[pair.Base] == want[p] {
				none++
			}
			for r := range draws {
				if other := g.of[t*(1+draws)+1+r]; other != nil {
					drawn++
					if other[p] == want[p] {
						random++
					}
				}
			}
		}
		a.None.Set(float64(none)/float64(len(g.pairs)), t)
		a.Random.Set(float64(random)/float64(drawn), t) // NaN if none was drawn
	}
	for i, n := range counts {
		for t := range tests {
			v := math.NaN()
			if n > 0 {
				v = samples.At(i, t) / float64(n)
			}
			samples.Set(v, i, t)
		}
	}
	a.Result = &interp.Result{
		Array: samples.Mean("sample").Named("interchange intervention accuracy", ""), Samples: samples,
		Method: fmt.Sprintf("interchange interventions, %s, %d pairs of %d inputs", d.Model.Name, len(g.pairs), len(d.Inputs)),
		Source: "Geiger et al. 2021", Provenance: g.Provenance,
	}
	var err error
	if a.Lo, a.Hi, err = a.Interval(interp.Bootstrap{Seed: x.Seed}); err != nil {
		return nil, err
	}
	return a, samples.Err()
}

// String is a table beside the baselines.
func (a *Accuracy) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "exchanged\taccuracy\t95%%\tno intervention\trandom alignment\n")
	_, names := a.Axis(0)
	for i, name := range names {
		fmt.Fprintf(w, "%s\t%.3f\t[%.3f, %.3f]\t%.3f\t%.3f\n", name, a.At(i), a.Lo.At(i), a.Hi.At(i), a.None.At(i), a.Random.At(i))
	}
	w.Flush()
	fmt.Fprintf(&b, "the task itself: %.3f\n%s (%s)\n%s\n", a.Task, a.Method, a.Source, a.Provenance)
	return b.String()
}

// pairs are each input with so many others of its length, or with all.
func (d *Data) pairs(sources int, seed uint64) ([]Pair, error) {
	if sources < 0 {
		return nil, fmt.Errorf("%d sources for each input", sources)
	}
	rng := rand.New(rand.NewPCG(seed, 2))
	var all []Pair
	for b, row := range d.Prompts.IDs {
		n := 0
		for _, s := range rng.Perm(len(d.Prompts.IDs)) {
			if s != b && len(d.Prompts.IDs[s]) == len(row) && (sources == 0 || n < sources) {
				all, n = append(all, Pair{b, s}), n+1
			}
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no two prompts are of the same length")
	}
	return all, nil
}

// labels are what the causal model answers with variables from the source.
func (d *Data) labels(pairs []Pair, variables []string) ([]string, error) {
	out, output := make([]string, len(pairs)), d.Model.Output().Name
	ran := make([]Setting, len(d.Inputs))
	for i, in := range d.Inputs {
		var err error
		if ran[i], err = d.Model.Run(in, nil); err != nil {
			return nil, err
		}
	}
	for i, p := range pairs {
		do := Setting{}
		for _, name := range variables {
			do[name] = ran[p.Source][name]
		}
		got, err := d.Model.Run(d.Inputs[p.Base], do)
		if err != nil {
			return nil, err
		}
		out[i] = got[output]
	}
	return out, nil
}

// answered are the model's answers: of inputs as they are, and of pairs under each set
// of exchanges.
type answered struct {
	pairs []Pair
	base  []string
	of    [][]string // [set][pair]; nil where the set is
	model.Provenance
}

// answers runs pairs under sets of exchanges, as one sweep over the inputs.
func (d *Data) answers(m *model.Model, pairs []Pair, sets [][]Site) (*answered, error) {
	// Pairs of one base go to variants of their own: layer k has each base's k-th.
	var layers [][]int // of indices of pairs
	met := make([]int, len(d.Inputs))
	for i, p := range pairs {
		k := met[p.Base]
		if met[p.Base]++; k == len(layers) {
			layers = append(layers, nil)
		}
		layers[k] = append(layers[k], i)
	}
	s := model.Sweep{Base: d.Prompts.Metric(d.metrics()...), Source: d.Prompts.Request()}
	type slot struct{ set, layer int }
	var slots []slot
	for k, layer := range layers {
		donors := make([]int, len(d.Inputs))
		var rows []int
		for i := range donors {
			donors[i] = i
		}
		for _, i := range layer {
			donors[pairs[i].Base] = pairs[i].Source
			rows = append(rows, pairs[i].Base)
		}
		slices.Sort(rows)
		for set, sites := range sets {
			if sites == nil {
				continue
			}
			v := model.Variant{Donors: donors, Rows: rows}
			for _, site := range sites {
				v.Edits = append(v.Edits, site.edit(donors))
			}
			s.Variants, slots = append(s.Variants, v), append(slots, slot{set, k})
		}
	}
	got, err := m.Sweep(s)
	if err != nil {
		return nil, err
	}
	out := &answered{pairs: pairs, of: make([][]string, len(sets)), Provenance: got.Provenance}
	for i := range d.Inputs {
		out.base = append(out.base, d.best(i, func(k int) float64 { return got.Base.PerRow(k).At(i) }))
	}
	for v, slot := range slots {
		if out.of[slot.set] == nil {
			out.of[slot.set] = make([]string, len(pairs))
		}
		for _, i := range layers[slot.layer] {
			row := pairs[i].Base
			out.of[slot.set][i] = d.best(row, func(k int) float64 { return got.Metrics[k].At(v, row) })
		}
	}
	return out, nil
}

// best is the option of a row with the largest logit, "" where two are.
func (d *Data) best(row int, logit func(option int) float64) string {
	best, tied := 0, false
	for k := 1; k < len(d.Options[row]); k++ {
		switch a, b := logit(k), logit(best); {
		case a > b:
			best, tied = k, false
		case !(a < b):
			tied = true
		}
	}
	if tied {
		return ""
	}
	return d.Options[row][best]
}
