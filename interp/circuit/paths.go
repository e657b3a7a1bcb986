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
	left []float64   // the metric of each row without any path patched

	provenance model.Provenance
}

func newTracer(m *model.Model, t *task.Task, base ...hook.Edit) (*tracer, error) {
	run, err := m.Run(t.Clean.Edit(base...).Metric(t.Metric))
	if err != nil {
		return nil, err
	}
	return &tracer{m, t, base, float64s(run.PerRow(0).Values()), run.Provenance}, nil
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
	return model.Sweep{Base: tr.t.Clean.Edit(tr.base...).Metric(tr.t.Metric), Source: tr.t.Corrupted.Request()}
}

// changes are the metrics of a sweep's variants less those of its base.
func (tr *tracer) changes(s model.Sweep) ([][]float64, error) {
	got, err := tr.m.Sweep(s)
	if err != nil {
		return nil, err
	}
	tr.provenance = got.Provenance
	all := make([][]float64, len(s.Variants))
	for i := range all {
		all[i] = float64s(got.PerRow(0).Values()[i*len(tr.left):][:len(tr.left)])
		for row := range all[i] {
			all[i][row] -= tr.left[row]
		}
	}
	return all, nil
}

// toLogits patches the path of each sender to the final residual stream.
func (tr *tracer) toLogits(senders []Part, at hook.Positions) ([]effect, error) {
	s := tr.sweep()
	for _, sender := range senders {
		s.Variants = append(s.Variants, model.Variant{Name: sender.String(), Edits: tr.sent(sender, at, tr.m.Config().Layers-1)})
	}
	changes, err := tr.changes(s)
	if err != nil {
		return nil, err
	}
	effects := make([]effect, len(senders))
	for i, sender := range senders {
		effects[i] = effect{sender: sender, change: changes[i]}
	}
	return effects, nil
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
	changes, err := tr.changes(patch)
	for i := range changes {
		effects[i].change = changes[i]
	}
	return effects, err
}

// received is the variant in which receivers after the sender, and nothing
// else, have what they got from it.
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
	}
	return v, nil
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
// percent of the metric that is there without them. Senders that were left out
// have 0.
func (tr *tracer) grid(effects []effect, what string) *interp.Result {
	c, n := tr.m.Config(), tr.t.Len()
	samples := array.New(array.Dim("sample", n), array.Dim("layer", c.Layers), array.Dim("head", c.Heads))
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	unit := mean(tr.left, all) / 100
	for _, e := range effects {
		for row, v := range e.change {
			samples.Set(v/unit, row, e.sender.Layer, e.sender.Index)
		}
	}
	return &interp.Result{
		Array:   samples.Mean("sample").Named("change of "+tr.t.Metric.String()+", "+what, "%"),
		Samples: samples, Source: wang, Provenance: tr.provenance,
		Method: fmt.Sprintf("path patching, %s, %d prompts of %s, MLPs and norms recomputed", what, n, tr.t.Name),
	}
}
