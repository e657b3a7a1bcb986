package circuit

import (
	"math"
	"slices"
	"strings"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
)

// A pair is a circuit and the model, to be measured without sets of the
// circuit's nodes. What was measured is kept.
type pair struct {
	*bench
	c            *Circuit
	alone, whole map[string][]float64 // F(C\K) and F(M\K) of each row, by the set
}

func newPair(m *model.Model, t *task.Task, c *Circuit, a Ablation) (*pair, error) {
	b, err := newBench(m, t, a)
	if err != nil {
		return nil, err
	}
	if err := b.check(c); err != nil {
		return nil, err
	}
	return b.pair(c), nil
}

// pair is a circuit that was checked, and the model.
func (b *bench) pair(c *Circuit) *pair {
	return &pair{bench: b, c: c, alone: map[string][]float64{}, whole: map[string][]float64{}}
}

// key is the same for sets of the same parts.
func key(k []Part) string {
	words := make([]string, len(k))
	for i, p := range k {
		words[i] = p.String()
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// need measures the sets that were not measured before: both sides in a sweep
// each, the circuit's from what it is without the parts outside of it.
func (p *pair) need(sets [][]Part) error { return p.measure(sets, true) }

// needAlone is need of the circuit alone.
func (p *pair) needAlone(sets [][]Part) error { return p.measure(sets, false) }

func (p *pair) measure(sets [][]Part, both bool) error {
	for _, side := range []struct {
		known map[string][]float64
		base  []gone
		out   func(k []Part) []gone
		want  bool
	}{
		{p.alone, p.outside(p.c), everywhere, true},
		{p.whole, nil, func(k []Part) []gone { return p.inside(p.c, k) }, both},
	} {
		var keys []string
		var variants [][]gone
		for _, k := range sets {
			key := key(k)
			if _, known := side.known[key]; !known && !slices.Contains(keys, key) {
				keys, variants = append(keys, key), append(variants, side.out(k))
			}
		}
		if !side.want || len(keys) == 0 {
			continue
		}
		_, each, err := p.run(side.base, variants)
		if err != nil {
			return err
		}
		for i, key := range keys {
			side.known[key] = each[i]
		}
	}
	return nil
}

// of are F(C\K) and F(M\K) of each row.
func (p *pair) of(k []Part) (alone, whole []float64) { return p.alone[key(k)], p.whole[key(k)] }

// ends are F(M) and F(∅) of each row.
func (p *pair) ends() (whole, empty []float64, err error) {
	whole, runs, err := p.run(nil, [][]gone{p.outside(&Circuit{})})
	if err != nil {
		return nil, nil, err
	}
	return whole, runs[0], nil
}

// gapOf is how much there is to lose, NaN if it cannot be told from nothing.
func gapOf(whole, empty []float64) float64 {
	if (interp.Recovery{Whole: whole, Empty: empty}).Check() != nil {
		return math.NaN()
	}
	all := upTo(len(whole))
	return math.Abs(mean(whole, all) - mean(empty, all))
}

func estimateEnds(b interp.Bootstrap, whole, empty []float64) (w, e Estimate, err error) {
	if w, err = estimate(b, len(whole), func(rows []int) float64 { return mean(whole, rows) }); err != nil {
		return w, e, err
	}
	e, err = estimate(b, len(empty), func(rows []int) float64 { return mean(empty, rows) })
	return w, e, err
}
