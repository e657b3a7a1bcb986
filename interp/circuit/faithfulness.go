package circuit

import (
	"fmt"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model/array"
)

const wang = "Wang et al. 2022"

// A Faithfulness is how much of a task a circuit does by itself.
type Faithfulness struct {
	// The task's metric [model]: F(M) of the model, F(C) of the circuit alone,
	// F(M\C) of the model without the circuit, and F(∅) with everything gone.
	// One sample per prompt.
	*interp.Result
	Circuit  string
	Settings Settings

	Model, Alone, Without, Empty Estimate // the four
	Gap                          Estimate // |F(M) - F(C)|, or |F(M) - F(M\C)| if the circuit is removed
	Recovered                    Estimate // F(C) / F(M), or F(M\C) / F(M)
	// Beyond is the same beyond what is there with everything gone:
	// (F(C) - F(∅)) / (F(M) - F(∅)).
	Beyond Estimate
	// Random is what random circuits of the same size recover [circuit], nil if
	// none were asked for.
	Random *interp.Result
}

// Faithfulness measures how much of the task's metric is left when everything
// outside of the circuit is knocked out: heads outside of it everywhere, its own
// heads at positions that they do not list, and edges if the ablation cuts them.
// Random circuits have as many heads at each position, as many MLPs and, if edges
// are cut, as many edges between them, drawn evenly.
//
// A faithful circuit does the task like the model on these prompts, under this
// ablation; it need not be complete (see [Test.Completeness]) nor without idle parts
// (see [Test.Minimality]).
//
// One pass over the reference, one in which everything is gone, and 4 + Random
// passes; where edges are cut, each takes twice a pass at most and the host adds
// up what parts read. Source: Wang et al. 2022, section 4; on what the choices
// change, Miller et al. 2024.
func (t *Test) Faithfulness(c *Circuit) (*Faithfulness, error) {
	fail := func(err error) (*Faithfulness, error) { return nil, fmt.Errorf("faithfulness: %w", err) }
	k, err := t.of(c)
	if err != nil {
		return fail(err)
	}
	s, n := t.Settings, t.Task.Len()
	if s.Random == 0 {
		s.Random = 50
	}
	random := k.random(c, max(0, s.Random))
	whole, runs, err := k.run(nil, append([][]removal{k.outside(c), k.itself(c), k.outside(&Circuit{})}, random...))
	if err != nil {
		return fail(err)
	}
	f := &Faithfulness{Circuit: c.Title(), Settings: s}
	four := append([][]float64{whole}, runs[:3]...)
	f.Result = k.result(four, "model", []string{"F(M)", "F(C)", `F(M\C)`, "F(∅)"}, t.Task.Metric.String(), t.Task.Metric.Unit())
	for i, e := range []*Estimate{&f.Model, &f.Alone, &f.Without, &f.Empty} {
		if *e, err = estimate(s.Bootstrap, n, func(rows []int) float64 { return mean(four[i], rows) }); err != nil {
			return fail(err)
		}
	}
	side := runs[0]
	if s.Removed {
		side = runs[1]
	}
	for e, of := range map[*Estimate]func(rows []int) float64{
		&f.Gap:       func(rows []int) float64 { return math.Abs(mean(whole, rows) - mean(side, rows)) },
		&f.Recovered: func(rows []int) float64 { return s.Aggregation.ratio(side, whole, rows) },
		&f.Beyond: func(rows []int) float64 {
			empty := mean(runs[2], rows)
			return (mean(side, rows) - empty) / (mean(whole, rows) - empty)
		},
	} {
		if *e, err = estimate(s.Bootstrap, n, of); err != nil {
			return fail(err)
		}
	}
	if len(random) > 0 {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		recovered := array.New(array.Dim("circuit", len(random)))
		for i := range random {
			recovered.Set(s.Aggregation.ratio(runs[3+i], whole, all), i)
		}
		f.Random = f.Of(recovered.Named("recovered by random circuits of the same size", ofModel))
	}
	return f, f.Err()
}

// Better is how many of the random circuits recover at least as much, or leave
// as little if the circuit is removed.
func (f *Faithfulness) Better() (better, of int) {
	if f.Random == nil {
		return 0, 0
	}
	return f.Baseline().AsGood()
}

// String is a table with intervals, and the settings.
func (f *Faithfulness) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "faithfulness of %s, %s\n", f.Circuit, f.Title())
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	of, chance := "F(C)", "recover as much"
	if f.Settings.Removed {
		of, chance = `F(M\C)`, "leave as little"
	}
	fmt.Fprintf(w, "F(M)\t%s\tthe model\n", f.Model)
	fmt.Fprintf(w, "F(C)\t%s\tthe circuit alone\n", f.Alone)
	fmt.Fprintf(w, "F(M\\C)\t%s\twithout the circuit\n", f.Without)
	fmt.Fprintf(w, "F(∅)\t%s\teverything gone\n", f.Empty)
	fmt.Fprintf(w, "|F(M) − %s|\t%s\t\n", of, f.Gap)
	fmt.Fprintf(w, "%s / F(M)\t%s\trecovered\n", of, f.Recovered.Percent())
	fmt.Fprintf(w, "beyond F(∅)\t%s\trecovered of what is to be recovered\n", f.Beyond.Percent())
	if better, of := f.Better(); of > 0 {
		low, high := bounds(f.Random.Values())
		fmt.Fprintf(w, "random\t%.1f%% on average, from %.1f%% to %.1f%%\t%d of %d random circuits %s\n",
			100*f.Random.Mean("circuit").Scalar(), 100*low, 100*high, better, of, chance)
	}
	_ = w.Flush() // a strings.Builder takes everything
	fmt.Fprintf(&b, "%s (%s)\n%s\n", f.Method, f.Source, f.Provenance)
	return b.String()
}

// Baseline is what the circuit recovers beside what random circuits do, nil if
// none were asked for. If the circuit is removed, lower is better.
func (f *Faithfulness) Baseline() *Baseline {
	if f.Random == nil {
		return nil
	}
	return &Baseline{
		Result: f.Random, Score: "recovered", Circuit: f.Circuit, Settings: f.Settings,
		Own: f.Recovered.Value, Lower: f.Settings.Removed,
	}
}

func bounds(values []float32) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		lo, hi = min(lo, float64(v)), max(hi, float64(v))
	}
	return lo, hi
}
