package discover

import (
	"fmt"
	"math"
	"slices"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/patch"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

const wang = "Wang et al. 2022"

// A Walk patches paths from heads to the logits or to inputs of other heads, as
// [patch.Paths] does with MLPs recomputed, and holds their effects against the
// metric. Made by [NewWalk].
type Walk struct {
	Metric []float64 // of each prompt, with no path patched

	m          *model.Model
	t          *task.Task
	base       []hook.Edit
	provenance model.Provenance
}

// NewWalk measures the metric of the clean prompts, under edits that stay
// throughout, such as heads knocked out. One pass.
func NewWalk(m *model.Model, t *task.Task, throughout ...hook.Edit) (*Walk, error) {
	if _, err := task.Of(t); err != nil {
		return nil, err
	}
	run, err := m.Run(t.Clean.Edit(throughout...).Metric(t.Metric))
	if err != nil {
		return nil, err
	}
	return &Walk{float64s(run.PerRow(0).Values()), m, t, throughout, run.Provenance}, nil
}

func float64s(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// Done finds that the model does not do the task at all: the metric is not two
// standard errors above nothing.
func (w *Walk) Done() error {
	m, se := meanError(w.Metric)
	if !(m > 2*se) {
		return fmt.Errorf("the model does not do the task: its %s is %.3f ± %.3f (two standard errors)", w.t.Metric, m, 2*se)
	}
	return nil
}

// An Effect is what patching a path changes.
type Effect struct {
	Sender graph.Part
	To     graph.Receiver // the logits; the zero value is several inputs together
	Change []float64      // of the metric of each prompt
}

// Size is how much the change is in the mean.
func (e Effect) Size() float64 {
	m, _ := meanError(e.Change)
	return math.Abs(m)
}

// Strongest orders effects by their size.
func Strongest(effects []Effect) []Effect {
	effects = slices.Clone(effects)
	slices.SortStableFunc(effects, func(a, b Effect) int {
		switch x, y := a.Size(), b.Size(); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	return effects
}

// senders are the outputs of heads at positions, each a set.
func senders(heads []graph.Part, at hook.Positions) patch.Parts {
	p := patch.Parts{Sets: make([]patch.Set, len(heads))}
	for i, h := range heads {
		p.Sets[i] = patch.Together(hook.Z(h.Layer).Head(h.Index).In(at))
		p.Sets[i].Name = h.String()
	}
	return p
}

// ToLogits patches the path of each head, at some positions, to the final residual
// stream.
func (w *Walk) ToLogits(heads []graph.Part, at hook.Positions) ([]Effect, error) {
	e, err := patch.Paths{Senders: senders(heads, at), Base: w.base}.Patch(w.m, w.t)
	if err != nil {
		return nil, err
	}
	w.provenance = e.Provenance
	to := graph.Receiver{Part: graph.Logits(), Input: graph.ToLogits}
	return changes(e, heads, []graph.Receiver{to}), nil
}

// ToInputs patches the paths of heads at some positions to inputs of other heads at
// others: to all of them together, or to one at a time. Heads that come after all
// of them are left out, for they change nothing.
func (w *Walk) ToInputs(heads []graph.Part, at hook.Positions, inputs []graph.Receiver, to hook.Positions, apart bool) ([]Effect, error) {
	last := 0
	for _, r := range inputs {
		last = max(last, r.Part.Layer)
	}
	heads = slices.DeleteFunc(slices.Clone(heads), func(p graph.Part) bool { return p.Layer >= last })
	if len(heads) == 0 || len(inputs) == 0 {
		return nil, nil
	}
	p := patch.Paths{Senders: senders(heads, at), Apart: apart, Base: w.base}
	for _, r := range inputs {
		p.Receivers = append(p.Receivers, Point(w.m.Config(), r).In(to))
	}
	e, err := p.Patch(w.m, w.t)
	if err != nil {
		return nil, err
	}
	w.provenance = e.Provenance
	if !apart {
		inputs = []graph.Receiver{{}}
	}
	return changes(e, heads, inputs), nil
}

// Point is where an input of a head arrives: its query, or the key or value that it
// shares with others.
func Point(c config.Config, r graph.Receiver) hook.Point {
	switch r.Input {
	case graph.ToKey:
		return hook.K(r.Part.Layer).Head(c.KVHead(r.Part.Index))
	case graph.ToValue:
		return hook.V(r.Part.Layer).Head(c.KVHead(r.Part.Index))
	}
	return hook.Q(r.Part.Layer).Head(r.Part.Index)
}

// changes are effects [receiver, head], sender by sender, without those that there
// are none of.
func changes(e *patch.Effects, heads []graph.Part, to []graph.Receiver) []Effect {
	n := len(e.Base.Values())
	values, size := e.Metric.Values(), len(e.Metric.Values())/n
	var all []Effect
	for i, h := range heads {
		for k, r := range to {
			one := Effect{Sender: h, To: r, Change: make([]float64, n)}
			for row := range one.Change {
				one.Change[row] = float64(values[row*size+k*len(heads)+i]) - float64(e.Base.Values()[row])
			}
			if one.Change[0] == one.Change[0] {
				all = append(all, one)
			}
		}
	}
	return all
}

// Inputs are some inputs of heads.
func Inputs(heads []graph.Part, inputs ...graph.Input) []graph.Receiver {
	var all []graph.Receiver
	for _, p := range heads {
		for _, input := range inputs {
			all = append(all, graph.Receiver{Part: p, Input: input})
		}
	}
	return all
}

// Matters tells which way a path moves the metric: -1 or 1, 0 if by less than a
// share of it, or by less than two standard errors.
func (w *Walk) Matters(e Effect, share float64) int {
	whole, _ := meanError(w.Metric)
	m, se := meanError(e.Change)
	switch {
	case math.Abs(m) < share*math.Abs(whole) || math.Abs(m) < 2*se:
		return 0
	case m < 0:
		return -1
	}
	return 1
}

// Edges are the effects that matter, as edges of a circuit in percent of the metric.
func (w *Walk) Edges(effects []Effect, share float64) (edges []circuit.Edge) {
	whole, _ := meanError(w.Metric)
	for _, e := range effects {
		if w.Matters(e, share) != 0 {
			m, _ := meanError(e.Change)
			edges = append(edges, circuit.Edge{From: e.Sender, To: e.To.Part, Input: e.To.Input, Effect: -100 * m / whole})
		}
	}
	return edges
}

// A Step is one stage of a search: the change of the metric in percent for each
// head [layer, head].
type Step struct {
	*interp.Result
	Name  string       // what the paths lead to, such as "END to the queries of name movers"
	Found []graph.Part // what the step added to the circuit
	// Others are senders that matter and were not added: they are of none of the
	// classes that are looked for.
	Others []graph.Part
}

// Step is the map of the effects of single heads. Heads without an effect have 0.
func (w *Walk) Step(name string, effects []Effect) Step {
	c, n := w.m.Config(), w.t.Len()
	samples := array.New(array.Dim("sample", n), array.Dim("layer", c.Layers), array.Dim("head", c.Heads))
	whole, _ := meanError(w.Metric)
	for _, e := range effects {
		for row, v := range e.Change {
			samples.Set(100*v/whole, row, e.Sender.Layer, e.Sender.Index)
		}
	}
	return Step{Name: name, Result: &interp.Result{
		Array:   samples.Mean("sample").Named("change of "+w.t.Metric.String()+", "+name, "%"),
		Samples: samples, Source: wang, Provenance: w.provenance,
		Method: fmt.Sprintf("path patching, %s, %d prompts of %s, MLPs and norms recomputed", name, n, w.t.Name),
	}}
}

// meanError is a mean and its standard error, 0 for a single value.
func meanError(values []float64) (m, se float64) {
	for _, v := range values {
		m += v / float64(len(values))
	}
	if len(values) < 2 {
		return m, 0
	}
	for _, v := range values {
		se += (v - m) * (v - m)
	}
	n := float64(len(values))
	return m, math.Sqrt(se / n / (n - 1))
}
