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
	Metric    []float64 // of each prompt, with no path patched
	Corrupted []float64 // of each corrupted prompt
	// Gap is what there is to lose: how far the metric is from what it is on the
	// corrupted prompts, in the mean and with no edits. Effects are shares of it.
	Gap float64

	m          *model.Model
	t          *task.Task
	base       []hook.Edit
	provenance model.Provenance
}

// NewWalk measures the metric of the clean and of the corrupted prompts. Two
// passes.
func NewWalk(m *model.Model, t *task.Task) (*Walk, error) {
	if _, err := task.Of(t); err != nil {
		return nil, err
	}
	w := &Walk{m: m, t: t}
	run, err := m.Run(t.Corrupted.Metric(t.Metric))
	if err != nil {
		return nil, err
	}
	w.Corrupted = float64s(run.PerRow(0).Values())
	if err := w.measure(); err != nil {
		return nil, err
	}
	clean, _ := meanError(w.Metric)
	corrupted, _ := meanError(w.Corrupted)
	w.Gap = clean - corrupted
	return w, nil
}

// Without is the walk under edits that stay throughout, such as heads knocked out.
// One pass.
func (w *Walk) Without(edits ...hook.Edit) (*Walk, error) {
	less := *w
	less.base = edits
	return &less, less.measure()
}

// measure runs the task as the edits leave it.
func (w *Walk) measure() error {
	run, err := w.m.Run(w.t.Clean.Edit(w.base...).Metric(w.t.Metric))
	if err != nil {
		return err
	}
	w.Metric, w.provenance = float64s(run.PerRow(0).Values()), run.Provenance
	return nil
}

func float64s(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// Done finds that the model does not do the task at all: its metric is no better
// than on the corrupted prompts or, where 0 means that there is nothing, not above
// 0, each by two standard errors.
func (w *Walk) Done() error {
	what := w.t.Metric
	clean, se := meanError(w.Metric)
	if what.HasZero() && !(clean > 2*se) {
		return fmt.Errorf("the model does not do the task: its %s is %.3f ± %.3f (two standard errors)", what, clean, 2*se)
	}
	told := interp.Recovery{Whole: w.Metric, Empty: w.Corrupted}.Check() == nil
	if !told || (w.Gap < 0) != what.LowerIsBetter() {
		return fmt.Errorf("the model does not do the task: its %s is %.3f, and %.3f on the corrupted prompts", what, clean, clean-w.Gap)
	}
	return nil
}

// An Effect is what patching a path changes.
type Effect struct {
	Sender graph.Part
	To     graph.Receiver // the logits; the zero value is several inputs together
	Change []float64      // of the metric of each prompt

	// Answer and Wrong, of paths to the logits, are the changes of their two logits.
	Answer, Wrong []float64
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
	effects, err := w.toLogits(heads, at, w.t.Metric)
	if err != nil {
		return nil, err
	}
	return effects[0], nil
}

// Spoken is [Walk.ToLogits] of a task whose metric is a logit difference, with the
// change of either logit, read off the same passes.
func (w *Walk) Spoken(heads []graph.Part, at hook.Positions) ([]Effect, error) {
	if w.t.Metric.Kind != model.KindLogitDiff {
		return nil, fmt.Errorf("the metric is %s; only a logit difference is what happens to two logits", w.t.Metric.Kind)
	}
	read, err := w.toLogits(heads, at, w.t.Metric, model.Logit(w.t.Metric.Answer).In(w.t.Metric.At))
	if err != nil {
		return nil, err
	}
	effects, answers := read[0], read[1]
	for i, e := range effects {
		effects[i].Answer, effects[i].Wrong = answers[i].Change, Less(answers[i].Change, e.Change)
	}
	return effects, nil
}

// Less is the difference of each prompt.
func Less(a, b []float64) []float64 {
	d := slices.Clone(a)
	for i := range d {
		d[i] -= b[i]
	}
	return d
}

// toLogits are the effects on several metrics, head by head.
func (w *Walk) toLogits(heads []graph.Part, at hook.Positions, metrics ...model.Metric) ([][]Effect, error) {
	s, err := patch.Paths{Senders: senders(heads, at), Base: w.base}.Sweep(w.m, w.t)
	if err != nil {
		return nil, err
	}
	s.Base.Metrics = metrics
	run, err := w.m.Sweep(s)
	if err != nil {
		return nil, err
	}
	w.provenance = run.Provenance
	all := make([][]Effect, len(metrics))
	for k := range metrics {
		was := float64s(run.Base.PerRow(k).Values())
		is := float64s(run.PerRow(k).Values()) // [variant, row]
		for i, h := range heads {
			all[k] = append(all[k], Effect{
				Sender: h, To: graph.Receiver{Part: graph.Logits(), Input: graph.ToLogits}, Change: Less(is[i*len(was):][:len(was)], was),
			})
		}
	}
	return all, nil
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
	p := patch.Paths{
		Senders: senders(heads, at), Receivers: Points(w.m, inputs, to), Readers: Readers(w.m, inputs), Apart: apart, Base: w.base,
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

// Points are where inputs of heads arrive, at some positions: their queries, or the
// keys and values that they share with others. For [patch.Paths].
func Points(m *model.Model, inputs []graph.Receiver, at hook.Positions) []hook.Point {
	points := make([]hook.Point, len(inputs))
	for i, r := range inputs {
		shared := m.Config().KVHead(r.Part.Index)
		switch r.Input {
		case graph.ToKey:
			points[i] = hook.K(r.Part.Layer).Head(shared).In(at)
		case graph.ToValue:
			points[i] = hook.V(r.Part.Layer).Head(shared).In(at)
		default:
			points[i] = hook.Q(r.Part.Layer).Head(r.Part.Index).In(at)
		}
	}
	return points
}

// Readers are the heads whose inputs these are, for [patch.Paths]: where heads share
// keys and values, or have them normed together, what arrives is read by each head
// for itself.
func Readers(m *model.Model, inputs []graph.Receiver) [][]int {
	c := m.Config()
	readers := make([][]int, len(inputs))
	for i, r := range inputs {
		if c.KVHeads != c.Heads && r.Input != graph.ToQuery || c.QKNorm == config.QKNormAll && r.Input != graph.ToValue {
			readers[i] = []int{r.Part.Index}
		}
	}
	return readers
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

// Matters tells which way a path moves the metric: -1 towards what it is on the
// corrupted prompts, 1 away from it, 0 if by less than a share of the gap, or by
// less than two standard errors.
func (w *Walk) Matters(e Effect, share float64) int {
	m, se := meanError(e.Change)
	switch {
	case math.Abs(m) < share*math.Abs(w.Gap) || math.Abs(m) < 2*se:
		return 0
	case m/w.Gap < 0:
		return -1
	}
	return 1
}

// Edges are the effects that matter, as edges of a circuit in percent of the gap.
func (w *Walk) Edges(effects []Effect, share float64) (edges []circuit.Edge) {
	for _, e := range effects {
		if w.Matters(e, share) != 0 {
			m, _ := meanError(e.Change)
			edges = append(edges, circuit.Edge{From: e.Sender, To: e.To.Part, Input: e.To.Input, Effect: -100 * m / w.Gap})
		}
	}
	return edges
}

// A Step is one stage of a search: the effect of each head's path [layer, head], in
// percent of the gap. As the effect of a [circuit.Edge] it is what the path does for
// the metric: above 0 where the metric falls when the path is patched. (Wang et al.
// draw the change, which has the other sign.)
type Step struct {
	*interp.Result
	Name  string       // what the paths lead to, such as "END to the queries of name movers"
	Found []graph.Part // what the step added to the circuit, or, beside another step, would have
	// Answer and Wrong, of paths to the logits, are what the path does for the answer's
	// logit and for the wrong token's [layer, head]. The effect is their difference.
	Answer, Wrong *interp.Result
}

// Step is the map of the effects of single heads. Heads without an effect have 0.
func (w *Walk) Step(name string, effects []Effect) Step {
	s := Step{Name: name}
	s.Result = w.headMap(name, w.t.Metric.String(), "%", effects, func(e Effect, row int) float64 { return 0 - 100*e.Change[row]/w.Gap })
	if len(effects) > 0 && effects[0].Answer != nil {
		s.Answer = w.headMap(name, "the answer's logit", "logits", effects, func(e Effect, row int) float64 { return 0 - e.Answer[row] })
		s.Wrong = w.headMap(name, "the wrong token's logit", "logits", effects, func(e Effect, row int) float64 { return 0 - e.Wrong[row] })
	}
	return s
}

func (w *Walk) headMap(name, what, unit string, effects []Effect, of func(e Effect, row int) float64) *interp.Result {
	c, n := w.m.Config(), w.t.Len()
	samples := array.New(array.Dim("sample", n), array.Dim("layer", c.Layers), array.Dim("head", c.Heads))
	for _, e := range effects {
		for row := range n {
			samples.Set(of(e, row), row, e.Sender.Layer, e.Sender.Index)
		}
	}
	return &interp.Result{
		Array: samples.Mean("sample").Named("effect on "+what+", "+name, unit), Samples: samples, Source: wang, Provenance: w.provenance,
		Method: fmt.Sprintf("path patching, %s, %d prompts of %s, MLPs and norms recomputed; 100%% is what the clean prompts have above the corrupted ones, %.3g",
			name, n, w.t.Name, w.Gap),
	}
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
