package circuit

import (
	"math"
	"slices"
	"strings"

	"github.com/golens/golens/interp/graph"
)

// A withoutSets is a circuit and the model, to be measured without sets of the
// circuit's nodes. What was measured is kept.
type withoutSets struct {
	*knockOut
	c            *Circuit
	alone, whole map[string][]float64 // F(C\K) and F(M\K) of each row, by the set
}

// without is a circuit that was checked, and the model.
func (k *knockOut) without(c *Circuit) *withoutSets {
	return &withoutSets{knockOut: k, c: c, alone: map[string][]float64{}, whole: map[string][]float64{}}
}

// key is the same for sets of the same parts.
func key(set []graph.Part) string {
	words := make([]string, len(set))
	for i, p := range set {
		words[i] = p.String()
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// measure measures the sets that were not measured before: both sides in a sweep
// each, the circuit's from what it is without the parts outside of it.
func (w *withoutSets) measure(sets [][]graph.Part) error {
	if err := w.measureAlone(sets); err != nil {
		return err
	}
	return w.side(sets, w.whole, nil, func(set []graph.Part) []removal { return w.inside(w.c, set) })
}

// measureAlone is measure of the circuit alone.
func (w *withoutSets) measureAlone(sets [][]graph.Part) error {
	return w.side(sets, w.alone, w.outside(w.c), everywhere)
}

func (w *withoutSets) side(sets [][]graph.Part, known map[string][]float64, base []removal, out func([]graph.Part) []removal) error {
	var keys []string
	var variants [][]removal
	for _, set := range sets {
		key := key(set)
		if _, is := known[key]; !is && !slices.Contains(keys, key) {
			keys, variants = append(keys, key), append(variants, out(set))
		}
	}
	if len(keys) == 0 {
		return nil
	}
	_, each, err := w.run(base, variants)
	if err != nil {
		return err
	}
	for i, key := range keys {
		known[key] = each[i]
	}
	return nil
}

// of are F(C\K) and F(M\K) of each row.
func (w *withoutSets) of(set []graph.Part) (alone, whole []float64) {
	return w.alone[key(set)], w.whole[key(set)]
}

// gap is |F(C\K) - F(M\K)| over all prompts.
func (w *withoutSets) gap(set []graph.Part) float64 {
	alone, whole := w.of(set)
	return math.Abs(meanOf(alone) - meanOf(whole))
}

// meanOf is the mean over all prompts.
func meanOf(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// with is a set and one part more.
func with(set []graph.Part, v graph.Part) []graph.Part { return append(slices.Clone(set), v) }

// except is a list without a part.
func except(parts []graph.Part, p graph.Part) []graph.Part {
	return slices.DeleteFunc(slices.Clone(parts), func(q graph.Part) bool { return q == p })
}
