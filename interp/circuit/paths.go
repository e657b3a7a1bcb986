package circuit

import (
	"fmt"
	"slices"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// A tracer patches paths between heads: what a sender writes on the corrupted
// prompts reaches a receiver directly, or through MLPs, while all other heads
// stay as they are. It is what patch.Paths does, and more of it at once: parts may
// be knocked out throughout, and what one recording gives is sent to each of many
// receivers alone.
type tracer struct {
	m    *model.Model
	t    *task.Task
	base []hook.Edit // what is knocked out throughout
	also []model.Metric

	left      []float64 // the metric of each row without any path patched
	corrupted []float64 // the metric of each row on the corrupted prompts
	// gap is what there is to lose: how far the metric is from what it is on the
	// corrupted prompts, in the mean and with nothing knocked out. Changes are
	// shares of it.
	gap float64

	provenance model.Provenance
}

// newTracer patches paths, and reads other metrics than the task's along the way.
func newTracer(m *model.Model, t *task.Task, also ...model.Metric) (*tracer, error) {
	tr := &tracer{m: m, t: t, also: also}
	run, err := m.Run(t.Corrupted.Metric(t.Metric))
	if err != nil {
		return nil, err
	}
	tr.corrupted = float64s(run.PerRow(0).Values())
	if err := tr.measure(); err != nil {
		return nil, err
	}
	for row, v := range tr.left {
		tr.gap += (v - tr.corrupted[row]) / float64(len(tr.left))
	}
	return tr, nil
}

// without is the tracer with parts knocked out.
func (tr *tracer) without(edits []hook.Edit) (*tracer, error) {
	less := *tr
	less.base = edits
	return &less, less.measure()
}

// measure runs the task with what is knocked out.
func (tr *tracer) measure() error {
	run, err := tr.m.Run(tr.t.Clean.Edit(tr.base...).Metric(tr.t.Metric))
	if err != nil {
		return err
	}
	tr.left, tr.provenance = float64s(run.PerRow(0).Values()), run.Provenance
	return nil
}

// A receiver is an input of a part.
type receiver struct {
	part  Part
	input Input
}

// An effect is the change of the metric of each row.
type effect struct {
	sender Part
	to     receiver // the zero value is the logits, or all receivers together
	change []float64
	also   [][]float64 // of the tracer's other metrics, less their values with nothing patched
}

// sent are the edits with which a sender's output is that of the corrupted
// prompts, and heads of the layers after it, up to one, are as they are.
func (tr *tracer) sent(sender Part, at hook.Positions, last int) []hook.Edit {
	var edits []hook.Edit
	for l := sender.Layer + 1; l <= last; l++ {
		edits = append(edits, hook.Z(l).Freeze())
	}
	return append(edits, hook.Z(sender.Layer).Head(sender.Index).In(at).FromSource())
}

func (tr *tracer) sweep() model.Sweep {
	return model.Sweep{Base: tr.t.Clean.Edit(tr.base...).Metric(tr.t.Metric).Metric(tr.also...), Source: tr.t.Corrupted.Request()}
}

// change fills in the effects of a sweep's variants.
func (tr *tracer) change(s model.Sweep, effects []effect) error {
	got, err := tr.m.Sweep(s)
	if err != nil {
		return err
	}
	tr.provenance = got.Provenance
	n := len(tr.left)
	of := func(metric, variant int) []float64 {
		change := float64s(got.PerRow(metric).Values()[variant*n:][:n])
		for row, was := range got.Base.PerRow(metric).Values() {
			change[row] -= float64(was)
		}
		return change
	}
	for i := range effects {
		effects[i].change, effects[i].also = of(0, i), nil
		for k := range tr.also {
			effects[i].also = append(effects[i].also, of(1+k, i))
		}
	}
	return nil
}

// toLogits patches the path of each sender to the final residual stream.
func (tr *tracer) toLogits(senders []Part, at hook.Positions) ([]effect, error) {
	s := tr.sweep()
	effects := make([]effect, len(senders))
	for i, sender := range senders {
		effects[i].sender = sender
		s.Variants = append(s.Variants, model.Variant{Name: sender.String(), Edits: tr.sent(sender, at, tr.m.Config().Layers-1)})
	}
	return effects, tr.change(s, effects)
}

// toHeads patches the paths of each sender at some positions to receivers at
// others: to all of them together, or to one at a time. Senders that come after
// all receivers are left out, for they change nothing.
func (tr *tracer) toHeads(senders []Part, at hook.Positions, receivers []receiver, to hook.Positions, apart bool) ([]effect, error) {
	last := 0
	for _, r := range receivers {
		last = max(last, r.part.Layer)
	}
	senders = slices.DeleteFunc(slices.Clone(senders), func(p Part) bool { return p.Layer >= last })
	if len(senders) == 0 || len(receivers) == 0 {
		return nil, nil
	}
	groups := [][]receiver{receivers}
	if apart {
		groups = nil
		for _, r := range receivers {
			groups = append(groups, []receiver{r})
		}
	}
	var effects []effect
	for chunk := range slices.Chunk(senders, tr.atOnce(receivers, to)) {
		some, err := tr.patched(chunk, at, receivers, groups, to, last)
		if err != nil {
			return nil, err
		}
		for i := range some {
			if !apart {
				some[i].to = receiver{}
			}
		}
		effects = append(effects, some...)
	}
	return effects, nil
}

// held is how many values that receivers get are held at once: 256 MB.
const held = 64 << 20

// atOnce is for how many senders what the receivers get is held at once.
func (tr *tracer) atOnce(receivers []receiver, to hook.Positions) int {
	size := 0
	for _, ids := range tr.t.Clean.IDs {
		if at := to.In(0); at != nil {
			size += len(at)
		} else {
			size += len(ids)
		}
	}
	return max(1, held/(size*len(receivers)*tr.m.Config().DHead))
}

// patched records what each sender sends to the receivers, and runs with that.
func (tr *tracer) patched(senders []Part, at hook.Positions, receivers []receiver, groups [][]receiver, to hook.Positions, last int) ([]effect, error) {
	record := tr.sweep()
	for _, r := range receivers {
		if p := tr.point(r).In(to); p.Find(record.Captures) < 0 {
			record.Captures = append(record.Captures, p)
		}
	}
	for _, sender := range senders {
		record.Variants = append(record.Variants, model.Variant{Name: sender.String(), Edits: tr.sent(sender, at, last-1)})
	}
	got, err := tr.m.Sweep(record)
	if err != nil {
		return nil, err
	}
	patch := tr.sweep()
	patch.Source = model.Request{}
	var effects []effect
	for i, sender := range senders {
		for _, group := range groups {
			v, err := tr.received(got, i, sender, group, to)
			if err != nil {
				return nil, err
			}
			if len(v.Edits) > 0 {
				effects, patch.Variants = append(effects, effect{sender: sender, to: group[0]}), append(patch.Variants, v)
			}
		}
	}
	return effects, tr.change(patch, effects)
}

// received is the variant in which receivers after the sender, and nothing
// else, have what they got from it. Heads that share keys or values with a
// receiver and are none stay as they were.
func (tr *tracer) received(got *model.SweepResult, variant int, sender Part, receivers []receiver, to hook.Positions) (model.Variant, error) {
	v := model.Variant{Name: sender.String()}
	var set []hook.Point
	for _, r := range receivers {
		p := tr.point(r).In(to)
		if r.part.Layer <= sender.Layer || p.Find(set) >= 0 {
			continue // a group of queries may share a key
		}
		set = append(set, p)
		values := got.At(p).Pick(hook.Variant, variant)
		if err := values.Err(); err != nil {
			return v, err
		}
		rowsEndInZeros(values.Values())
		v.Edits = append(v.Edits, p.Replace(values))
		for _, other := range tr.siblings(r) {
			if !slices.Contains(receivers, receiver{other, r.input}) {
				v.Edits = append(v.Edits, hook.Z(other.Layer).Head(other.Index).Freeze())
			}
		}
	}
	return v, nil
}

// siblings are the other heads that read the same keys or values.
func (tr *tracer) siblings(r receiver) (all []Part) {
	c := tr.m.Config()
	for h := range c.Heads {
		if r.input != ToQuery && h != r.part.Index && c.KVHead(h) == c.KVHead(r.part.Index) {
			all = append(all, Head(r.part.Layer, h))
		}
	}
	return all
}

// rowsEndInZeros puts zeros where an activation has no value: past the end of rows.
func rowsEndInZeros(values []float32) {
	for i, x := range values {
		if x != x {
			values[i] = 0
		}
	}
}

// point is where a receiver's input arrives.
func (tr *tracer) point(r receiver) hook.Point {
	group := tr.m.Config().KVHead(r.part.Index)
	switch r.input {
	case ToKey:
		return hook.K(r.part.Layer).Head(group)
	case ToValue:
		return hook.V(r.part.Layer).Head(group)
	}
	return hook.Q(r.part.Layer).Head(r.part.Index)
}

// grid puts effects of single senders into a map of heads [layer, head], in
// percent of the gap. Senders that were left out have 0.
func (tr *tracer) grid(effects []effect, what string) *interp.Result {
	r := tr.headMap(effects, "change of "+tr.t.Metric.String()+", "+what, "%", func(e effect, row int) float64 { return 100 * e.change[row] / tr.gap })
	r.Method = fmt.Sprintf("path patching, %s, %d prompts of %s, MLPs and norms recomputed; 100%% is what clean prompts have and corrupted ones have not, %.3g",
		what, tr.t.Len(), tr.t.Name, tr.gap)
	return r
}

// headMap puts a value of each sender and row into a map of heads.
func (tr *tracer) headMap(effects []effect, title, unit string, of func(e effect, row int) float64) *interp.Result {
	c, n := tr.m.Config(), tr.t.Len()
	samples := array.New(array.Dim("sample", n), array.Dim("layer", c.Layers), array.Dim("head", c.Heads))
	for _, e := range effects {
		for row := range n {
			samples.Set(of(e, row), row, e.sender.Layer, e.sender.Index)
		}
	}
	return &interp.Result{
		Array: samples.Mean("sample").Named(title, unit), Samples: samples, Source: wang, Provenance: tr.provenance,
		Method: fmt.Sprintf("path patching, %d prompts of %s", n, tr.t.Name),
	}
}
