package sae

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/tally"
)

// A Judging says on what dictionaries are judged.
type Judging struct {
	Rows  [][]int32 // tokens of texts that they were not trained on
	Leave int       // first tokens of each row that are left out of L0, FVU and density
	// KL is for how many rows the KL divergence is computed, which holds logits of whole
	// rows; 0 means 16, a negative number none.
	KL int
	// Dense is the share of tokens from which a feature counts as dense; 0 means 0.1.
	Dense float64
	// Probing are texts in classes that features are probed on; without rows there is no
	// probing.
	Probing Probing
}

// A Verdict is how well a dictionary stands for an activation.
type Verdict struct {
	Dictionary string
	Tokens     int64

	L0     float64 // features that fire at a token, mean
	FVU    float64 // share of the variance of the activation that is not explained
	Cosine float64 // of reconstruction and activation, mean

	// Mean next-token losses, in nats: of the model, with the reconstruction spliced
	// in, and with zeros in its place.
	Clean, Spliced, Zeroed float64
	Recovered              float64 // (Zeroed - Spliced) / (Zeroed - Clean)
	KL, KLZeroed           float64 // of the model from the spliced and the zeroed one; NaN if not computed

	Density []float64 // share of tokens at which each feature fires [feature]
	Dead    float64   // share of features that never fired
	Dense   float64   // share of features that fire at more than a tenth of tokens, or what was asked
	// Probed is what probes read of Judging.Probing, the mean over classes, and Classes
	// each of them; nil if nothing was to be probed.
	Probed  *Probed
	Classes []*Probed
	model.Provenance
}

// labels of what is reduced beside features.
const (
	labelError  = "reconstruction error"
	labelCosine = "cosine of reconstruction"
)

// Judge judges a dictionary by one tally and three runs. Loss and KL are those of the
// whole rows.
//
// Definitions: Karvonen et al. 2025 (SAEBench), and SAELens' evals with zero ablation.
// None says whether a feature means anything.
func Judge(m *model.Model, d *Dictionary, j Judging) (*Verdict, error) {
	fail := func(err error) (*Verdict, error) { return nil, fmt.Errorf("judge %s: %w", d.name(), err) }
	if len(j.Rows) == 0 {
		return fail(errors.New("no rows"))
	}
	v := &Verdict{Dictionary: d.name(), KL: math.NaN(), KLZeroed: math.NaN(), Provenance: m.Info().Provenance()}
	if err := v.reduce(m, d, j); err != nil {
		return fail(err)
	}
	splice, err := d.Splice()
	if err != nil {
		return fail(err)
	}
	for _, run := range []struct {
		to    *float64
		edits []hook.Edit
	}{{&v.Clean, nil}, {&v.Spliced, []hook.Edit{splice}}, {&v.Zeroed, []hook.Edit{d.Write.Zero()}}} {
		r, err := m.Run(model.Request{Rows: j.Rows, Edits: run.edits}.Metric(model.NLL()))
		if err != nil {
			return fail(err)
		}
		sum, n := 0.0, 0.0
		for i, loss := range r.PerRow(0).Values() {
			if k := float64(len(j.Rows[i]) - 1); k > 0 {
				sum, n = sum+k*float64(loss), n+k
			}
		}
		*run.to = sum / n
	}
	v.Recovered = (v.Zeroed - v.Spliced) / (v.Zeroed - v.Clean)
	if err := v.divergence(m, d, j, splice); err != nil {
		return fail(err)
	}
	if len(j.Probing.Rows) > 0 {
		if v.Probed, v.Classes, err = j.Probing.probed(m, d, j.Leave); err != nil {
			return fail(err)
		}
	}
	return v, nil
}

// reduce is what is said of activations alone.
func (v *Verdict) reduce(m *model.Model, d *Dictionary, j Judging) error {
	x := d.input(d.Write)
	w := d.encoder(x)
	target := formula.Here()
	if d.Write.Kind.HeadAxis() > 0 {
		target = target.Flatten()
	}
	y := d.reconstruction(x, w)
	cosine := y.Mul(target).Sum().Div(y.Norm().Mul(target.Norm()).Max(formula.Number(1e-30)))
	watch := d.Write.Compute(formula.Here().With(w.features.As(Features)).With(target.Sub(y).As(labelError)).With(cosine.As(labelCosine)))

	byLength := map[int][][]int32{}
	for _, row := range j.Rows {
		if len(row) > j.Leave {
			byLength[len(row)] = append(byLength[len(row)], row)
		}
	}
	count := make([]int64, d.Features)
	var wrong, squares, cosines float64
	var sums []tally.Sum
	for _, n := range slices.Sorted(mapKeys(byLength)) {
		at := func(p hook.Point) hook.Point {
			if j.Leave == 0 {
				return p
			}
			return p.At(hook.UpTo(n)[j.Leave:]...)
		}
		t := model.Tally{Rows: byLength[n], Edits: []hook.Edit{watch}, Reducers: []tally.Reducer{
			{Point: at(d.Write.Label(Features)), Kind: tally.Above},
			{Point: at(d.Write.Label(labelError)), Kind: tally.Moments},
			{Point: at(d.Write.Label(labelCosine)), Kind: tally.Moments},
			{Point: at(d.Write), Kind: tally.Moments},
		}}
		r, err := m.Tally(t)
		if err != nil {
			return err
		}
		s := r.States
		for i, c := range s[0].Count {
			count[i] += c
		}
		v.Tokens += s[0].Seen[0]
		wrong += total(s[1].Squares)
		cosines += total(s[2].Sum)
		squares += total(s[3].Squares)
		if sums == nil {
			sums = make([]tally.Sum, len(s[3].Sum))
		}
		for i, x := range s[3].Sum {
			sums[i].Add(x.Value())
		}
	}
	if v.Tokens == 0 {
		return fmt.Errorf("no tokens are left without the first %d of each row", j.Leave)
	}
	n := float64(v.Tokens)
	for _, s := range sums {
		squares -= s.Value() * s.Value() / n
	}
	v.FVU, v.Cosine = wrong/squares, cosines/n
	dense := j.Dense
	if dense == 0 {
		dense = 0.1
	}
	v.Density = make([]float64, d.Features)
	for i, c := range count {
		v.L0 += float64(c) / n
		v.Density[i] = float64(c) / n
		if c == 0 {
			v.Dead += 1 / float64(d.Features)
		}
		if v.Density[i] > dense {
			v.Dense += 1 / float64(d.Features)
		}
	}
	return nil
}

func mapKeys(m map[int][][]int32) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func total(s []tally.Sum) (sum float64) {
	for _, x := range s {
		sum += x.Value()
	}
	return sum
}

// divergence is the KL of the model from the changed one, row by row, since logits of
// whole rows are large.
func (v *Verdict) divergence(m *model.Model, d *Dictionary, j Judging, splice hook.Edit) error {
	rows := j.KL
	if rows == 0 {
		rows = 16
	}
	rows = min(rows, len(j.Rows))
	if rows <= 0 {
		return nil
	}
	var kl, zeroed, n float64
	for _, row := range j.Rows[:rows] {
		one := model.Request{Rows: [][]int32{row}}
		clean, err := m.Run(one.Capture(hook.Logits()))
		if err != nil {
			return err
		}
		metric := model.KL(clean.At(hook.Logits())).AtPositions(hook.UpTo(len(row))...)
		for to, e := range map[*float64]hook.Edit{&kl: splice, &zeroed: d.Write.Zero()} {
			r, err := m.Run(one.Edit(e).Metric(metric))
			if err != nil {
				return err
			}
			*to += r.Metric() * float64(len(row))
		}
		n += float64(len(row))
	}
	v.KL, v.KLZeroed = kl/n, zeroed/n
	return nil
}

// Histogram counts features by the logarithm to base 10 of their density, in equal
// bins from -6 to 0; dead ones are left out.
func (v *Verdict) Histogram(bins int) *array.Array {
	counts := make([]float32, max(1, bins))
	labels := make([]string, len(counts))
	for i := range labels {
		labels[i] = fmt.Sprintf("%.1f", -6+6*(float64(i)+0.5)/float64(len(counts)))
	}
	for _, p := range v.Density {
		if p > 0 {
			i := int((math.Log10(p) + 6) / 6 * float64(len(counts)))
			counts[max(0, min(i, len(counts)-1))]++
		}
	}
	return array.Of(counts, array.Labels("log10 density", labels)).Named("features by density", "features")
}

// Verdicts are those of several dictionaries; they print as a table.
type Verdicts []*Verdict

// Compare judges dictionaries on the same rows.
func Compare(m *model.Model, j Judging, all ...*Dictionary) (Verdicts, error) {
	if len(all) == 0 {
		return nil, errors.New("judge: no dictionaries are given")
	}
	var vs Verdicts
	for _, d := range all {
		v, err := Judge(m, d, j)
		if err != nil {
			return vs, err
		}
		vs = append(vs, v)
	}
	return vs, nil
}

// String is the table.
func (vs Verdicts) String() string {
	var b strings.Builder
	width := 10
	var probed *Probed
	for _, v := range vs {
		width = max(width, len(v.Dictionary))
		probed = cmp.Or(probed, v.Probed)
	}
	fmt.Fprintf(&b, "%-*s %7s %7s %7s %8s %8s %8s %9s %7s %6s %6s", width, "dictionary", "L0", "FVU", "cosine", "CE", "spliced", "zeroed", "recovered", "KL", "dead", "dense")
	if probed != nil {
		for _, k := range probed.Ks {
			fmt.Fprintf(&b, " %7s", fmt.Sprint("probe ", k))
		}
		fmt.Fprintf(&b, " %7s %8s %6s", "all", "absorbed", "full")
	}
	b.WriteString("\n")
	for _, v := range vs {
		fmt.Fprintf(&b, "%-*s %7.1f %7.4f %7.4f %8.4f %8.4f %8.4f %8.1f%% %7.4f %5.1f%% %5.1f%%", width, v.Dictionary,
			v.L0, v.FVU, v.Cosine, v.Clean, v.Spliced, v.Zeroed, 100*v.Recovered, v.KL, 100*v.Dead, 100*v.Dense)
		if p := v.Probed; p != nil {
			for _, a := range p.Features {
				fmt.Fprintf(&b, " %6.1f%%", 100*a)
			}
			fmt.Fprintf(&b, " %6.1f%% %7.1f%% %5.1f%%", 100*p.Activation, 100*p.Absorbed, 100*p.Full)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// String is the table of one.
func (v *Verdict) String() string {
	return fmt.Sprintf("%s%d tokens; %s", Verdicts{v}, v.Tokens, v.Provenance)
}
