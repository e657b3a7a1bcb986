package patch

import (
	"errors"
	"fmt"
	"slices"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// Paths patches paths: what a sender writes reaches the receivers as in the run
// of other prompts, while nothing else does. Attention is frozen on the way:
// every later head gives what it gives in the original run. So the paths are the
// direct one and those through MLPs, or the direct one alone if MLPs are frozen
// too.
//
// It shows how much of a sender's effect on the metric goes by way of the
// receivers. It does not show what they do with it, and effects of several
// senders need not add up.
//
// To the final residual stream it takes a pass per sender, in which no position
// needs another. To other receivers it takes two sweeps: one finds what each
// receiver reads under each sender, the other has the receivers read that and
// recomputes everything after them. Source: Wang et al. 2022, algorithm 1
// (MLPs recomputed); Goldowsky-Dill et al. 2023 on direct edges;
// callummcdougall/path_patching.
type Paths struct {
	// Senders are what sends: heads (hook.KindZ or KindResult), attention
	// (KindAttnOut), MLPs (KindMLPOut), embeddings, or sets of them, at the
	// positions that it says. The zero value is each head's z at all positions
	// [layer, head].
	Senders Over

	// Receivers are where it is received, all of them together: queries, keys
	// and values of heads or what they read (hook.Q, K, V, QInput, KInput,
	// VInput), what MLPs read (MLPIn), or the residual stream. Nil means the
	// final residual stream, at all positions: what the logits read.
	Receivers []hook.Point

	FreezeMLPs bool // on the way to the receivers; the zero value recomputes them
}

// step counts in a layer what a forward pass meets one after the other: the
// attention of layer l reads at 4l and writes at 4l+1, its MLP reads at 4l+2 and
// writes at 4l+3.
const step = 4

// writesAt is when a sender has written, and false for what sends nothing.
func writesAt(p hook.Point) (int, bool) {
	switch p.Kind {
	case hook.KindEmbed, hook.KindPosEmbed:
		return -1, true
	case hook.KindZ, hook.KindResult, hook.KindAttnOut:
		return step*p.Layer + 1, true
	case hook.KindMLPOut:
		return step*p.Layer + 3, true
	}
	return 0, false
}

// readsAt is when a receiver reads, and false for what is none.
func readsAt(c config.Config, p hook.Point) (int, bool) {
	switch p.Kind {
	case hook.KindResidPre, hook.KindAttnIn, hook.KindQInput, hook.KindKInput, hook.KindVInput, hook.KindQ, hook.KindK, hook.KindV:
		return step * p.Layer, true
	case hook.KindMLPIn:
		if c.Parallel {
			return step * p.Layer, true
		}
		return step*p.Layer + 2, true
	case hook.KindResidMid:
		return step*p.Layer + 2, true
	case hook.KindResidPost:
		return step * (p.Layer + 1), true
	}
	return 0, false
}

// plan is the layout of the senders without those that no receiver comes after,
// and when the last receiver reads.
func (p Paths) plan(m *model.Model, original model.Prompts) (l layout, last int, err error) {
	c := m.Config()
	last = step * c.Layers
	if p.Receivers != nil {
		last = -1
		if len(p.Receivers) == 0 {
			return l, 0, errors.New("no receivers; leave them out to mean the final residual stream")
		}
	}
	for _, r := range p.Receivers {
		at, ok := readsAt(c, r)
		if !ok {
			return l, 0, fmt.Errorf("%s is no receiver; it can be q, k, v, q_input, k_input, v_input, attn_in, mlp_in or the residual stream", r)
		}
		if r.Batch != nil {
			return l, 0, fmt.Errorf("receiver %s selects rows; all prompts are received", r)
		}
		last = max(last, at)
	}
	if l, err = p.Senders.lay(c, original, hook.KindZ); err != nil {
		return l, 0, err
	}
	var earlier []cell
	for _, s := range l.cells {
		first, err := firstWrite(s.set)
		if err != nil {
			return l, 0, err
		}
		if first < last {
			earlier = append(earlier, s)
		}
	}
	if earlier == nil {
		return l, 0, errors.New("no sender comes before a receiver")
	}
	l.cells = earlier
	return l, last, nil
}

func firstWrite(s Set) (int, error) {
	first := -1
	for i, p := range s.Points {
		at, ok := writesAt(p)
		if !ok {
			return 0, fmt.Errorf("%s sends nothing; senders are z, result, attn_out, mlp_out, embed and pos_embed", p)
		}
		if i == 0 || at < first {
			first = at
		}
	}
	return first, nil
}

// send freezes what lies between a sender and the last receiver, and then has
// the sender write what it does in the other run.
func (p Paths) send(c config.Config, last int) func(cell) []hook.Edit {
	return func(s cell) (edits []hook.Edit) {
		first, _ := firstWrite(s.set) // checked when planned
		for l := range c.Layers {
			if at := step*l + 1; at > first && at < last {
				edits = append(edits, hook.Z(l).Freeze())
			}
			if at := step*l + 3; p.FreezeMLPs && !c.AttnOnly() && at > first && at < last {
				edits = append(edits, hook.MLPOut(l).Freeze())
			}
		}
		for _, point := range s.set.Points {
			edits = append(edits, point.FromSource())
		}
		return edits
	}
}

// Sweep is the first request behind [Paths.Patch]: every sender sends. Without
// receivers it is the only one; else it captures what they read.
func (p Paths) Sweep(m *model.Model, original, other model.Prompts, metric model.Metric) (model.Sweep, error) {
	l, last, err := p.plan(m, original)
	if err != nil {
		return model.Sweep{}, fmt.Errorf("path patching: %w", err)
	}
	return p.first(m.Config(), l, last, original, other, metric), nil
}

func (p Paths) first(c config.Config, l layout, last int, original, other model.Prompts, metric model.Metric) model.Sweep {
	s := model.Sweep{Base: original.Metric(metric), Source: other.Metric(metric)}
	send := p.send(c, last)
	for _, sender := range l.cells {
		s.Variants = append(s.Variants, model.Variant{Name: sender.set.String(), Edits: send(sender), Rows: sender.rows})
	}
	if p.Receivers != nil {
		s.Base = original.Capture(p.Receivers...)
		s.Captures, s.Source = slices.Clone(p.Receivers), other.Request()
	}
	return s
}

// Explain is how the sweeps would be run and what they would cost.
func (p Paths) Explain(m *model.Model, original, other model.Prompts, metric model.Metric) (Plans, error) {
	s, err := p.Sweep(m, original, other, metric)
	if err != nil {
		return nil, err
	}
	first, err := m.Explain(s)
	if err != nil {
		return nil, err
	}
	if p.Receivers == nil {
		return Plans{*first}, nil
	}
	receive := model.Sweep{Base: original.Metric(metric)}
	for _, v := range s.Variants {
		v.Edits = nil
		for _, r := range p.Receivers {
			v.Edits = append(v.Edits, r.Zero()) // of what is received only the place matters here
		}
		receive.Variants = append(receive.Variants, v)
	}
	second, err := m.Explain(receive)
	if err != nil {
		return nil, err
	}
	return Plans{*first, *second}, nil
}

// Patch runs it: original is the run that is changed and read, other the one
// that senders take their values from (clean and corrupted prompts, or the other
// way round). The prompts are paired row by row and equally long. The effects
// are changes of the metric; those of senders that come after all receivers are
// NaN. On the scale Normalised the original run is taken for the clean one.
func (p Paths) Patch(m *model.Model, original, other model.Prompts, metric model.Metric) (*Effects, error) {
	fail := func(err error) (*Effects, error) { return nil, fmt.Errorf("path patching: %w", err) }
	l, last, err := p.plan(m, original)
	if err != nil {
		return fail(err)
	}
	s := p.first(m.Config(), l, last, original, other, metric)
	run, err := m.Sweep(s)
	if err != nil {
		return fail(err)
	}
	e := Effects{}
	provenance := run.Provenance
	if p.Receivers == nil {
		e = l.effects(run, metric, Noising)
	} else if e, provenance, err = p.receive(m, l, run, original, other, metric); err != nil {
		return fail(err)
	}
	e.subject, e.runs = fmt.Sprintf("%s sent to %s", l.what, p.to()), [2]string{"original", "other"}
	mlps := "recomputed"
	if p.FreezeMLPs {
		mlps = "frozen"
	}
	out, err := newEffects(e, fmt.Sprintf("path patching of %s to %s, MLPs %s", l.what, p.to(), mlps), "Wang et al. 2022, algorithm 1", provenance, Change)
	if err != nil {
		return fail(err)
	}
	return out, nil
}

// to names the receivers: the logits, q of 7.3 and 7.9.
func (p Paths) to() string {
	if p.Receivers == nil {
		return "the logits"
	}
	s := ""
	for i, r := range p.Receivers {
		if i > 0 {
			s += ", "
		}
		if i == 4 && len(p.Receivers) > 5 {
			return s + fmt.Sprintf("and %d more", len(p.Receivers)-4)
		}
		s += name(r.Kind) + fmt.Sprintf(" of %d", r.Layer)
		for k, h := range r.Heads {
			if k > 0 {
				s += fmt.Sprintf(" and %d", r.Layer)
			}
			s += fmt.Sprintf(".%d", h)
		}
	}
	return s
}
