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
	// Recovered is how far the circuit comes from everything gone to the model,
	// (F(C) - F(∅)) / (F(M) - F(∅)), or (F(M\C) - F(∅)) / (F(M) - F(∅)). NaN if
	// the two are not told apart.
	Recovered Estimate
	// Ratio is F(C) / F(M), or F(M\C) / F(M), as Wang et al. give it; NaN for
	// metrics whose 0 means nothing ([model.Metric.HasZero]), or if F(M) is not
	// told apart from 0.
	Ratio Estimate
	// Random is what random circuits of the same size recover [circuit], nil if
	// none were asked for.
	Random *interp.Result

	recovery interp.Recovery
}

// Faithfulness measures how much of the task's metric is left when everything
// outside of the circuit is knocked out: heads outside of it everywhere, its own
// heads at positions that they do not list, and edges if the ablation cuts them.
// Random circuits have as many heads in each layer and at each position (see
// [Match]), as many MLPs and, if edges are cut, as many edges between them.
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
	if f.Gap, err = estimateSize(s.Bootstrap, n, func(rows []int) float64 { return mean(whole, rows) - mean(side, rows) }); err != nil {
		return fail(err)
	}
	f.recovery = s.recovery(whole, runs[2])
	recovers := func(run []float64, rows []int) float64 { return math.NaN() }
	f.Recovered, f.Ratio = undefined, undefined
	if f.recovery.Check() == nil {
		recovers = f.recovery.Of
		if f.Recovered, err = estimate(s.Bootstrap, n, func(rows []int) float64 { return recovers(side, rows) }); err != nil {
			return fail(err)
		}
	}
	share := s.recovery(whole, make([]float64, n))
	if t.Task.Metric.HasZero() && share.Check() == nil {
		if f.Ratio, err = estimate(s.Bootstrap, n, func(rows []int) float64 { return share.Of(side, rows) }); err != nil {
			return fail(err)
		}
	}
	if len(random) > 0 {
		recovered := array.New(array.Dim("circuit", len(random)))
		for i := range random {
			recovered.Set(recovers(runs[3+i], upTo(n)), i)
		}
		f.Random = f.Of(recovered.Named("recovered by random circuits of the same size", ofGap))
		f.Random.Method += ", random circuits " + s.Match.String()
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
	nothing := f.recovery.Check()
	if nothing != nil {
		fmt.Fprintf(w, "recovered\tnot defined\t%v\n", nothing)
	} else {
		fmt.Fprintf(w, "recovered\t%s\tfrom F(∅) to F(M)\n", f.Recovered.Percent())
	}
	if n := f.recovery.LeftOut(); n > 0 {
		fmt.Fprintf(w, "\t%d prompts left out\tthey have next to nothing to recover\n", n)
	}
	if f.Ratio == f.Ratio { // not NaN
		fmt.Fprintf(w, "%s / F(M)\t%s\tas Wang et al. 2022 give it\n", of, f.Ratio.Percent())
	}
	if better, of := f.Better(); of > 0 && nothing == nil {
		low, high := bounds(f.Random.Values())
		fmt.Fprintf(w, "random\t%.1f%% on average, from %.1f%% to %.1f%%\t%d of %d random circuits %s %s\n",
			100*f.Random.Mean("circuit").Scalar(), 100*low, 100*high, better, of, f.Settings.Match, chance)
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
