package feature

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/sae"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// Firing are the features that fire most on a prompt.
type Firing struct {
	*interp.Result           // values [feature, pos]
	Features       []int     // of the dictionary, by their largest value on the prompt
	Max            []float64 // largest values
}

// Active are the k features with the largest values on one prompt, from a position on,
// by token. One pass through the blocks below.
func Active(m *model.Model, d *sae.Dictionary, prompt model.Prompts, from, k int) (*Firing, error) {
	fail := func(err error) (*Firing, error) { return nil, fmt.Errorf("features of %s: %w", d.Read, err) }
	if prompt.Err() == nil && len(prompt.IDs) != 1 {
		return fail(errors.New("give one prompt"))
	}
	if k < 1 {
		return fail(fmt.Errorf("the %d that fire most; at least one", k))
	}
	got, err := m.Run(prompt.Edit(d.Watch()).Capture(d.Point()))
	if err != nil {
		return fail(err)
	}
	f := got.At(d.Point()).Values()
	n := len(prompt.IDs[0])
	if from < 0 || from >= n {
		return fail(fmt.Errorf("position %d of %d tokens", from, n))
	}
	largest := make([]float64, d.Features)
	for pos := from; pos < n; pos++ {
		for i, v := range f[pos*d.Features:][:d.Features] {
			largest[i] = max(largest[i], float64(v))
		}
	}
	order := hook.UpTo(d.Features)
	order = slices.Clone(order)
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(largest[b], largest[a]) })
	out := &Firing{}
	var names []string
	var values []float32
	for _, i := range order[:min(k, len(order))] {
		if largest[i] <= 0 {
			break
		}
		out.Features, out.Max = append(out.Features, i), append(out.Max, largest[i])
		names = append(names, fmt.Sprint(i))
		for pos := range n {
			values = append(values, f[pos*d.Features+i])
		}
	}
	if len(names) == 0 {
		return fail(errors.New("no feature fires on this prompt"))
	}
	out.Result = &interp.Result{Array: array.Of(values, array.Labels("feature", names), array.Labels(hook.Pos, got.Labels[0])).Named("features that fire most", "activation"),
		Method: "features of a dictionary by token", Source: d.String(), Provenance: got.Provenance}
	return out, nil
}

// A Steered is what a model writes with a feature at several strengths.
type Steered struct {
	Feature int
	Max     float64   // that strengths are multiples of
	Times   []float64 // multiples
	Texts   [][]string
}

// Strengths continue prompts by n tokens with a feature set to multiples of its
// largest value, at every position, with the error kept. A multiple of NaN leaves
// the model as it is. Templeton et al. 2024 use multiples from -10 to 10.
func Strengths(m *model.Model, d *sae.Dictionary, prompts model.Prompts, n, feature int, largest float64, times ...float64) (*Steered, error) {
	out := &Steered{Feature: feature, Max: largest, Times: times}
	for _, t := range times {
		g := prompts.Complete(n)
		if t == t {
			g = g.Edit(d.Steer(feature, t*largest))
		}
		got, err := m.Complete(g)
		if err != nil {
			return nil, fmt.Errorf("feature %d at %g times %g: %w", feature, t, largest, err)
		}
		var texts []string
		for r := range prompts.IDs {
			text, err := m.Text(got.New(r))
			if err != nil {
				return nil, err
			}
			texts = append(texts, text)
		}
		out.Texts = append(out.Texts, texts)
	}
	return out, nil
}

// String is a table of text by strength.
func (s *Steered) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "feature %d, largest value %.3g\n", s.Feature, s.Max)
	for i, t := range s.Times {
		name := fmt.Sprintf("%+g x", t)
		if t != t {
			name = "as it is"
		}
		for _, text := range s.Texts[i] {
			fmt.Fprintf(&b, "%8s  %q\n", name, text)
		}
	}
	return b.String()
}
