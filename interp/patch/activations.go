package patch

import (
	"fmt"

	"github.com/golens/golens/interp/task"
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

// subject is what is changed, for titles.
func (d Direction) subject(what string) string {
	if d == Noising {
		return "corrupted " + what + " put in"
	}
	return "clean " + what + " put back"
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
	Parts               // what is patched; the zero value is resid_pre, [layer, pos]
	Direction Direction // the zero value is denoising
	Scale     Scale     // of the values; the zero value is normalised
}

// Sweep is the request behind [Activations.Patch].
func (a Activations) Sweep(m *model.Model, t task.Paired) (model.Sweep, error) {
	s, _, err := a.sweep(m, t)
	return s, err
}

func (a Activations) sweep(m *model.Model, t task.Paired) (model.Sweep, grid, error) {
	fail := func(err error) (model.Sweep, grid, error) {
		return model.Sweep{}, grid{}, fmt.Errorf("activation patching: %w", err)
	}
	p, err := task.Of(t)
	if err != nil {
		return fail(err)
	}
	g, err := a.byPosition(hook.KindResidPre).grid(m.Config(), p.Clean, hook.KindResidPre)
	if err != nil {
		return fail(err)
	}
	if a.Direction == Denoising {
		p = p.Swapped()
	}
	s := model.Sweep{Base: p.Clean.Metric(p.Metric), Source: p.Corrupted.Metric(p.Metric)}
	s.Variants = g.variants(hook.Point.FromSource)
	return s, g, nil
}

// Explain is how the patching would be run and what it would cost.
func (a Activations) Explain(m *model.Model, t task.Paired) (*model.Plan, error) {
	s, err := a.Sweep(m, t)
	if err != nil {
		return nil, err
	}
	return m.Explain(s)
}

// Patch runs it. The prompts are paired row by row and equally long.
func (a Activations) Patch(m *model.Model, t task.Paired) (*Effects, error) {
	s, g, err := a.sweep(m, t)
	if err != nil {
		return nil, err
	}
	run, err := m.Sweep(s)
	if err != nil {
		return nil, fmt.Errorf("activation patching: %w", err)
	}
	e := g.effects(run, s.Base.Metrics[0], a.Direction)
	e.subject = a.Direction.subject(g.what)
	out, err := newEffects(e, fmt.Sprintf("activation patching of %s, %s", g.what, a.Direction), "Vig et al. 2020; Geiger et al. 2021", run.Provenance, a.Scale)
	if err != nil {
		return nil, fmt.Errorf("activation patching: %w", err)
	}
	return out, nil
}

// Residual puts the clean residual stream into the corrupted run, at each layer
// and position by itself: 0 is the corrupted metric, 1 the clean one
// [layer, pos]. See [Activations], which it is with nothing set.
func Residual(m *model.Model, t task.Paired) (*Effects, error) { return Activations{}.Patch(m, t) }

// ByKind is [Residual] of other activations: [layer, pos] of those without heads,
// such as hook.KindMLPOut, and [layer, head] of those with heads, such as
// hook.KindQ, at all positions together. Several kinds make a first axis
// component; either all of them have heads or none.
func ByKind(m *model.Model, t task.Paired, kinds ...hook.Kind) (*Effects, error) {
	return Activations{Parts: Parts{Kinds: kinds}}.Patch(m, t)
}

// HeadOutputs puts each head's clean output (z) into the corrupted run, at all
// positions [layer, head].
func HeadOutputs(m *model.Model, t task.Paired) (*Effects, error) {
	return ByKind(m, t, hook.KindZ)
}

// HeadsByPosition is [HeadOutputs] at each position by itself
// [layer, pos, head].
func HeadsByPosition(m *model.Model, t task.Paired) (*Effects, error) {
	return Activations{Parts: Parts{Kinds: []hook.Kind{hook.KindZ}, ByPosition: true}}.Patch(m, t)
}

// Blocks is the residual stream into each block, what its attention writes, and
// what its MLP writes [component, layer, pos].
func Blocks(m *model.Model, t task.Paired) (*Effects, error) {
	kinds := []hook.Kind{hook.KindResidPre, hook.KindAttnOut}
	if !m.Config().AttnOnly() {
		kinds = append(kinds, hook.KindMLPOut)
	}
	return ByKind(m, t, kinds...)
}

// HeadParts is each head's output, query, key, value and pattern
// [component, layer, head].
func HeadParts(m *model.Model, t task.Paired) (*Effects, error) {
	return ByKind(m, t, hook.KindZ, hook.KindQ, hook.KindK, hook.KindV, hook.KindPattern)
}
