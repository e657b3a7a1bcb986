package neuron

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/corpus"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/tally"
)

// Languages is how often neurons fire in texts of each language.
type Languages struct {
	Names []string
	N     []int64      // tokens of each
	Fired *array.Array // share of them at which each neuron fires [layer, neuron, language]
	model.Provenance
}

// String is how much was read of each, and how many neurons fire more in it than in any
// other language.
func (l *Languages) String() string {
	most := make([]int, len(l.Names))
	n := len(l.Names)
	for i := 0; n > 0 && i < len(l.Fired.Values()); i += n {
		rates := l.Fired.Values()[i : i+n]
		best := 0
		for k, v := range rates {
			if v > rates[best] {
				best = k
			}
		}
		most[best]++
	}
	var b strings.Builder
	fmt.Fprintf(&b, "neurons of %d layers in %d languages\n", l.Fired.Dim("layer"), n)
	for i, name := range l.Names {
		fmt.Fprintf(&b, "%-12s %10d tokens, %d neurons fire most here\n", name, l.N[i], most[i])
	}
	fmt.Fprint(&b, l.Provenance)
	return b.String()
}

// CountLanguages counts when neurons fire in each label of a corpus. Take rows of one
// length, and equally many of each label (corpus.Rows.Each). One pass.
func CountLanguages(ctx context.Context, m *model.Model, rows *corpus.Cut) (*Languages, error) {
	c := m.Config()
	if c.AttnOnly() {
		return nil, fmt.Errorf("languages: %s has no MLPs", m.Info().Name)
	}
	for i, n := range rows.Of {
		if n == 0 {
			return nil, fmt.Errorf("languages: there are no rows of %q", rows.Labels[i])
		}
	}
	ask := model.Tally{Groups: len(rows.Labels), Of: rows.Len()}
	for l := range c.Layers {
		ask.Reducers = append(ask.Reducers, tally.Reducer{Point: hook.MLPPre(l), Kind: tally.Above, By: tally.ByLabel})
	}
	r, err := m.TallyOver(ctx, ask, rows.All(), nil)
	if err != nil {
		return nil, fmt.Errorf("languages: %w", err)
	}
	fired := make([][]int64, c.Layers)
	for l, s := range r.States {
		fired[l] = make([]int64, c.DMLP*len(rows.Labels))
		for k := range rows.Labels {
			for n := range c.DMLP {
				fired[l][n*len(rows.Labels)+k] = s.Count[k*c.DMLP+n]
			}
		}
	}
	out, err := LanguagesOf(rows.Labels, r.States[0].Seen, fired)
	if err != nil {
		return nil, err
	}
	out.Provenance = r.Provenance
	return out, nil
}

// LanguagesOf are counts made elsewhere: how often each neuron of a layer fired in each
// language, [layer][neuron*languages + language], of n tokens of each.
func LanguagesOf(names []string, n []int64, fired [][]int64) (*Languages, error) {
	if len(names) < 2 || len(n) != len(names) || len(fired) == 0 || len(fired[0]) < len(names) {
		return nil, fmt.Errorf("languages: %d languages, tokens of %d, %d layers; there are at least two languages, and a neuron", len(names), len(n), len(fired))
	}
	neurons := len(fired[0]) / len(names)
	l := &Languages{Names: names, N: n, Fired: array.New(array.Dim("layer", len(fired)), array.Dim("neuron", neurons), array.Labels("language", names)).Named("share of tokens at which it fires", "")}
	for i, layer := range fired {
		if len(layer) != neurons*len(names) {
			return nil, fmt.Errorf("languages: layer %d has %d counts, layer 0 has %d", i, len(layer), len(fired[0]))
		}
		for k, count := range layer {
			lang := k % len(names)
			if n[lang] <= 0 || count < 0 || count > n[lang] {
				return nil, fmt.Errorf("languages: layer %d, neuron %d fired %d times in the %d tokens of %s", i, k/len(names), count, n[lang], names[lang])
			}
			l.Fired.Values()[i*len(layer)+k] = float32(float64(count) / float64(n[lang]))
		}
	}
	return l, nil
}

// Entropy is the entropy in nats of a neuron's firing rates over languages, which are
// made to sum to 1: near 0 if it fires in one alone, ln of the number of languages if in
// all alike. A neuron that fires in none has no entropy: NaN.
//
// Source: Tang et al. 2024, "language activation probability entropy" (LAPE).
func Entropy(rates []float64) float64 {
	sum, h := 0.0, 0.0
	for _, p := range rates {
		sum += p
	}
	for _, p := range rates {
		if p > 0 {
			h -= p / sum * math.Log(p/sum)
		}
	}
	if sum == 0 {
		return math.NaN()
	}
	return h
}

// rates are a neuron's in each language.
func (l *Languages) rates(layer, neuron int) []float64 {
	p := make([]float64, len(l.Names))
	for k := range p {
		p[k] = l.Fired.At(layer, neuron, k)
	}
	return p
}

// Entropy is the entropy of every neuron [layer, neuron]; NaN if it never fires.
func (l *Languages) Entropy() *interp.Result {
	e := array.New(l.Fired.Axes()[:2]...).Named("entropy of firing over languages", "nats")
	for layer := range l.Fired.Dim("layer") {
		for n := range l.Fired.Dim("neuron") {
			e.Set(Entropy(l.rates(layer, n)), layer, n)
		}
	}
	return &interp.Result{Array: e, Method: fmt.Sprintf("LAPE over %v tokens of %q", l.N, l.Names), Source: "Tang et al. 2024", Provenance: l.Provenance}
}

// A Choice says which neurons are of a language. The zero value is the paper's.
type Choice struct {
	Share float64 // of all neurons that are taken, lowest entropy first; 0 means 0.01
	// Bar is the share of all firing rates, of all neurons in all languages, that a
	// neuron's must be above in a language to belong to it; 0 means 0.95. Neurons that
	// are above it in none are not taken.
	Bar float64
}

// Specific is the neurons of languages.
type Specific struct {
	Names []string
	Units map[string][]Unit // of each language, by layer and number; a neuron may be of several
	Bar   float64           // the firing rate that they are above
}

// Select takes the neurons with the lowest entropy that fire often in some language.
func (l *Languages) Select(c Choice) (*Specific, error) {
	c.Share, c.Bar = cmp.Or(c.Share, 0.01), cmp.Or(c.Bar, 0.95)
	if c.Share < 0 || c.Share > 1 || c.Bar < 0 || c.Bar > 1 {
		return nil, fmt.Errorf("languages: a share of %g above the bar of %g; both lie between 0 and 1", c.Share, c.Bar)
	}
	sorted := slices.Clone(l.Fired.Values())
	slices.Sort(sorted)
	at := int(math.RoundToEven(float64(len(sorted))*c.Bar)) - 1
	bar := float64(sorted[min(max(at, 0), len(sorted)-1)])
	type candidate struct {
		Unit
		entropy float64
		rates   []float64
	}
	var all []candidate
	layers, neurons := l.Fired.Dim("layer"), l.Fired.Dim("neuron")
	for layer := range layers {
		for n := range neurons {
			rates := l.rates(layer, n)
			if slices.Max(rates) > bar {
				all = append(all, candidate{Unit{layer, n}, Entropy(rates), rates})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(a.entropy, b.entropy) })
	out := &Specific{Names: l.Names, Units: map[string][]Unit{}, Bar: bar}
	take := int(math.RoundToEven(float64(layers*neurons) * c.Share))
	for _, u := range all[:min(take, len(all))] {
		for k, rate := range u.rates {
			if rate > bar {
				out.Units[l.Names[k]] = append(out.Units[l.Names[k]], u.Unit)
			}
		}
	}
	for _, units := range out.Units {
		slices.SortFunc(units, func(a, b Unit) int { return cmp.Or(a.Layer-b.Layer, a.Neuron-b.Neuron) })
	}
	return out, nil
}

// String counts the neurons of each language.
func (s *Specific) String() string {
	var b strings.Builder
	for _, name := range s.Names {
		fmt.Fprintf(&b, "%s: %d neurons\n", name, len(s.Units[name]))
	}
	return b.String()
}

// ByLayer is how many neurons of each language a layer has [language, layer], of at least
// so many layers.
func (s *Specific) ByLayer(layers int) *array.Array {
	for _, units := range s.Units {
		for _, u := range units {
			layers = max(layers, u.Layer+1)
		}
	}
	a := array.New(array.Labels("language", s.Names), array.Dim("layer", layers)).Named("neurons of a language", "neurons")
	for k, name := range s.Names {
		for _, u := range s.Units[name] {
			a.Values()[k*layers+u.Layer]++
		}
	}
	return a
}

// points are units as points of their layers.
func points(units []Unit) (all []hook.Point) {
	at := map[int][]int{}
	for _, u := range units {
		at[u.Layer] = append(at[u.Layer], u.Neuron)
	}
	for _, l := range slices.Sorted(func(yield func(int) bool) {
		for l := range at {
			if !yield(l) {
				return
			}
		}
	}) {
		all = append(all, hook.MLPPost(l).Coord(at[l]...))
	}
	return all
}

// Off are edits that switch neurons off: what they write is 0, as it is when the
// activation is 0 before a gated MLP's linear branch. They serve runs, sweeps and
// generations.
func Off(units ...Unit) (edits []hook.Edit) {
	for _, p := range points(units) {
		edits = append(edits, p.Zero())
	}
	return edits
}

// On are edits that hold neurons at their mean over rows of a language: what the paper
// calls activation, of which it publishes no code. One pass over the rows.
func On(ctx context.Context, m *model.Model, rows *corpus.Cut, language string, units ...Unit) (edits []hook.Edit, err error) {
	k := slices.Index(rows.Labels, language)
	if k < 0 || rows.Of[k] == 0 || len(units) == 0 {
		return nil, fmt.Errorf("languages: %d neurons, and the rows are of %q, not of %q", len(units), rows.Labels, language)
	}
	ask := model.Tally{Groups: len(rows.Labels), Of: rows.Len()}
	for _, p := range points(units) {
		ask.Reducers = append(ask.Reducers, tally.Reducer{Point: p, Kind: tally.Moments, By: tally.ByLabel})
	}
	r, err := m.TallyOver(ctx, ask, rows.All(), nil)
	if err != nil {
		return nil, fmt.Errorf("languages: %w", err)
	}
	for i, reducer := range r.Reducers {
		mean := reducer.Mean(r.States[i])
		n := len(reducer.Point.Coords)
		edits = append(edits, reducer.Point.Replace(hook.Vec(mean.Values()[k*n:][:n]...)))
	}
	return edits, nil
}

// Losses is the loss in nats on rows of each language as the model is, and with edits of
// each language made [edit, language]; the first is "none". The loss of a language is the
// mean over its rows of the mean over their tokens; its exponential is the perplexity.
// Runs are shared as those of a sweep are: what lies below the first edit is computed
// once.
func Losses(ctx context.Context, m *model.Model, rows *corpus.Cut, names []string, edits map[string][]hook.Edit) (*interp.Result, error) {
	if len(names) == 0 {
		return nil, errors.New("languages: no edits are named")
	}
	labels := append([]string{"none"}, names...)
	var variants []model.Variant
	for _, name := range names {
		if _, ok := edits[name]; !ok {
			return nil, fmt.Errorf("languages: there are no edits of %q; give an empty list if it has none", name)
		}
		variants = append(variants, model.Variant{Name: name, Edits: edits[name]})
	}
	sums := make([][]float64, len(labels))
	counts := make([]float64, len(rows.Labels))
	for i := range sums {
		sums[i] = make([]float64, len(rows.Labels))
	}
	var provenance model.Provenance
	var batch [][]int32
	var of []int
	done := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		s, err := m.SweepContext(ctx, model.Sweep{Base: m.Rows(batch).Metric(model.NLL()), Variants: variants})
		if err != nil {
			return fmt.Errorf("languages: %w", err)
		}
		provenance = s.Provenance
		for i, label := range of {
			counts[label]++
			sums[0][label] += s.Base.Metrics[0].At(i)
			for v := range variants {
				sums[1+v][label] += s.Metrics[0].At(v, i)
			}
		}
		done += len(batch)
		model.Report(ctx, done, rows.Len())
		batch, of = nil, nil
		return nil
	}
	for row, err := range rows.All() {
		if err != nil {
			return nil, err
		}
		if batch, of = append(batch, row.Tokens), append(of, row.Label); len(batch) == rowsAtATime {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	out := array.New(array.Labels("edit", labels), array.Labels("language", rows.Labels)).Named("loss", "nats")
	for i := range labels {
		for k, n := range counts {
			out.Set(sums[i][k]/n, i, k)
		}
	}
	return &interp.Result{Array: out, Method: fmt.Sprintf("loss over %s", rows), Source: "Tang et al. 2024", Provenance: provenance}, nil
}

// Rise is how much each loss is above the first, which is that of no edit [edit,
// language].
func Rise(losses *interp.Result) *interp.Result {
	_, labels := losses.Axis(0)
	langs := losses.Dim("language")
	out := array.New(array.Labels("edit", labels[1:]), losses.Axes()[1]).Named("rise of the loss", "nats")
	for i := range labels[1:] {
		for k := range langs {
			out.Set(losses.At(i+1, k)-losses.At(0, k), i, k)
		}
	}
	return losses.Of(out)
}
