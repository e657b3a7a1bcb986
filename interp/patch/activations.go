package patch

import (
	"fmt"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

// A Direction says which run is changed, and with values from which.
type Direction int

// The directions.
const (
	Denoising Direction = iota // clean values into the corrupted run: what is enough to bring the answer back?
	Noising                    // corrupted values into the clean run: what does the answer need?
)

// String names the direction.
func (d Direction) String() string {
	if d == Noising {
		return "corrupted values into the clean run"
	}
	return "clean values into the corrupted run"
}

// runs are what the run that is changed and the other one are called.
func (d Direction) runs() [2]string {
	if d == Noising {
		return [2]string{"clean", "corrupted"}
	}
	return [2]string{"corrupted", "clean"}
}

// Activations patches activations: one after the other they take the value that
// they have in the run of other prompts, and the metric is read.
//
// It shows which places carry what the two sets of prompts differ in, as far as
// the metric sees it. It does not show where it is worked out: a place that only
// hands it on does as well. Denoising finds what is enough, noising what is
// needed, and the two differ where parts stand in for each other.
//
// One pass of each set of prompts and one per value, each from the first place
// that it changes on. Source: Vig et al. 2020, "Causal mediation analysis";
// Geiger et al. 2021, interchange interventions; Heimersheim and Nanda 2024 on
// the directions; TransformerLens, patching.
type Activations struct {
	Over                // what is patched; the zero value is resid_pre, [layer, pos]
	Direction Direction // the zero value is denoising
	Scale     Scale     // of the values; the zero value is normalised
}

// Sweep is the request behind [Activations.Patch].
func (a Activations) Sweep(m *model.Model, clean, corrupted model.Prompts, metric model.Metric) (model.Sweep, error) {
	s, _, err := a.sweep(m, clean, corrupted, metric)
	return s, err
}

func (a Activations) sweep(m *model.Model, clean, corrupted model.Prompts, metric model.Metric) (model.Sweep, layout, error) {
	l, err := a.byPosition(hook.KindResidPre).lay(m.Config(), clean, hook.KindResidPre)
	if err != nil {
		return model.Sweep{}, l, fmt.Errorf("activation patching: %w", err)
	}
	s := model.Sweep{Base: corrupted.Metric(metric), Source: clean.Metric(metric)}
	if a.Direction == Noising {
		s.Base, s.Source = s.Source, s.Base
	}
	s.Variants, err = l.variants(func(p hook.Point) (hook.Edit, error) { return p.FromSource(), nil })
	return s, l, err
}

// Explain is how the patching would be run and what it would cost.
func (a Activations) Explain(m *model.Model, clean, corrupted model.Prompts, metric model.Metric) (*model.Plan, error) {
	s, err := a.Sweep(m, clean, corrupted, metric)
	if err != nil {
		return nil, err
	}
	return m.Explain(s)
}

// Patch runs it. The prompts are paired row by row and equally long.
func (a Activations) Patch(m *model.Model, clean, corrupted model.Prompts, metric model.Metric) (*Effects, error) {
	s, l, err := a.sweep(m, clean, corrupted, metric)
	if err != nil {
		return nil, err
	}
	run, err := m.Sweep(s)
	if err != nil {
		return nil, fmt.Errorf("activation patching: %w", err)
	}
	e := l.effects(run, metric, a.Direction)
	e.subject = "clean " + l.what + " put back"
	if a.Direction == Noising {
		e.subject = "corrupted " + l.what + " put in"
	}
	out, err := newEffects(e, fmt.Sprintf("activation patching of %s, %s", l.what, a.Direction), "Vig et al. 2020; Geiger et al. 2021", run.Provenance, a.Scale)
	if err != nil {
		return nil, fmt.Errorf("activation patching: %w", err)
	}
	return out, nil
}

// Residual puts the clean residual stream into the corrupted run, at each layer
// and position by itself: 0 is the corrupted metric, 1 the clean one
// [layer, pos]. See [Activations], which it is with nothing set.
func Residual(m *model.Model, clean, corrupted model.Prompts, metric model.Metric) (*Effects, error) {
	return Activations{}.Patch(m, clean, corrupted, metric)
}

// Kind is [Residual] of another activation: [layer, pos] of those without
// heads, such as hook.KindMLPOut, and [layer, head] of those with heads, such
// as hook.KindQ, at all positions together.
func Kind(m *model.Model, kind hook.Kind, clean, corrupted model.Prompts, metric model.Metric) (*Effects, error) {
	return Activations{Over: Over{Kinds: []hook.Kind{kind}}}.Patch(m, clean, corrupted, metric)
}

// HeadOutputs puts each head's clean output (z) into the corrupted run, at all
// positions [layer, head].
func HeadOutputs(m *model.Model, clean, corrupted model.Prompts, metric model.Metric) (*Effects, error) {
	return Kind(m, hook.KindZ, clean, corrupted, metric)
}

// HeadsByPosition is [HeadOutputs] at each position by itself
// [layer, pos, head].
func HeadsByPosition(m *model.Model, clean, corrupted model.Prompts, metric model.Metric) (*Effects, error) {
	return Activations{Over: Over{Kinds: []hook.Kind{hook.KindZ}, ByPosition: true}}.Patch(m, clean, corrupted, metric)
}

// Blocks is the residual stream into each block, what its attention writes, and
// what its MLP writes [component, layer, pos].
func Blocks(m *model.Model, clean, corrupted model.Prompts, metric model.Metric) (*Effects, error) {
	kinds := []hook.Kind{hook.KindResidPre, hook.KindAttnOut}
	if !m.Config().AttnOnly() {
		kinds = append(kinds, hook.KindMLPOut)
	}
	return Activations{Over: Over{Kinds: kinds}}.Patch(m, clean, corrupted, metric)
}

// HeadParts is each head's output, query, key, value and pattern
// [component, layer, head].
func HeadParts(m *model.Model, clean, corrupted model.Prompts, metric model.Metric) (*Effects, error) {
	kinds := []hook.Kind{hook.KindZ, hook.KindQ, hook.KindK, hook.KindV, hook.KindPattern}
	return Activations{Over: Over{Kinds: kinds}}.Patch(m, clean, corrupted, metric)
}
