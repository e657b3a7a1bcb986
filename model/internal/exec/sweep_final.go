package exec

import (
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/plan"
)

// unembed measures the metrics on the residual stream after the last block, at
// the positions that somebody reads.
func (w *work) unembed(x *tensors.Tensor) error {
	n := len(w.courses[0].final)
	at := func(i int) view { return view{queries: viewOf(w.courses[i].final)} }
	lies := func(k hook.Kind) ([]int, func(int) view) { return w.Config.Dims(k, n), at }
	tp, fills := w.taps(finalIDs, always, always)
	args := []any{x}
	few := w.tokensOf(w.courses[0].row)
	if few != nil {
		ids := make([]int32, w.batch*n*len(few))
		for i, c := range w.courses {
			row := w.tokensOf(c.row)
			for j := range n {
				copy(ids[(i*n+j)*len(few):], row)
			}
		}
		t, err := w.tensor(ids, w.batch*n, len(few))
		if err != nil {
			return err
		}
		defer free(t)
		args = append(args, t)
	}
	nonlinear := slices.ContainsFunc(w.job.Base.Metrics, func(m plan.Objective) bool { return m.Linear == nil })
	logits := nonlinear || slices.Contains(tp.reads, hook.KindLogits)
	name := "unembed"
	if few != nil {
		name = "unembed tokens"
	} else if !logits {
		name = "normalize"
	}
	out, err := w.callSite(name, tp, fills, unembedGraph(w.Engine, tp, few != nil, logits), args, w.finalNames(), -1, lies)
	if err != nil {
		return err
	}
	defer free(out...)
	if logits {
		if err := tensors.ConstFlatData(out[0], func(flat []float32) { w.measure(flat, n) }); err != nil {
			return err
		}
		out = out[1:]
	}
	return w.take(out, tp.reads, 0, at, func(k hook.Kind) []int { return w.Config.Dims(k, n) })
}

// measure evaluates the metrics on logits [batch*n, vocab or tokens]. At positions
// that nothing changes they are the base run's.
func (w *work) measure(flat []float32, n int) {
	width := len(flat) / (w.batch * n)
	for i, c := range w.courses {
		at, few := viewOf(c.final), w.tokensOf(c.row) != nil
		used := 0 // of the tokens
		for k, m := range w.job.Base.Metrics {
			if m.Linear != nil {
				continue
			}
			var ids []int32
			if m.Tokens != nil {
				ids = m.Tokens(c.row)
			}
			terms := slices.Clone(w.out.Base.Terms[k][c.row])
			for j, pos := range m.At(c.row) {
				local := at(pos)
				if local < 0 {
					continue
				}
				x := flat[(i*n+local)*width:][:width]
				if few {
					x = x[used:][:len(ids)]
				} else {
					x = pick(x, ids)
				}
				terms[j] = m.Eval(c.row, j, x, nil)
			}
			used += len(ids)
			w.out.Metrics[k][c.variant][c.row] = mean(terms)
		}
	}
}

// take takes what is read of some activations.
func (w *work) take(out []*tensors.Tensor, kinds []hook.Kind, layer int, at func(int) view, dims func(hook.Kind) []int) error {
	for i, k := range kinds {
		if err := w.takeOne(hook.ID{Kind: k, Layer: layer}, out[i], at, dims(k)); err != nil {
			return err
		}
	}
	return nil
}

// takeOne copies captures to the answer and adds up linear metrics. What was not
// computed is the base run's.
func (w *work) takeOne(id hook.ID, t *tensors.Tensor, at func(int) view, dims []int) error {
	return tensors.ConstFlatData(t, func(x []float32) {
		rowLen := product(dims)
		for i, c := range w.courses {
			row := x[i*rowLen:][:rowLen]
			for k, p := range w.job.Captures {
				if p.ID == id {
					w.copyOut(p, c, row, dims, at(i), w.out.Captures[k].Values()[c.variant*len(w.copies[k].Values()):][:len(w.copies[k].Values())], w.copies[k].Shape())
				}
			}
			for k, m := range w.job.Base.Metrics {
				if m.Linear != nil && m.Linear.ID == id {
					w.out.Metrics[k][c.variant][c.row] = w.linear(*m.Linear, c, row, dims, at(i))
				}
			}
		}
	})
}

// copyOut copies a row's selected values to its place in the answer of its
// variant [batch, ...].
func (w *work) copyOut(p hook.Point, c course, x []float32, dims []int, v view, to []float32, shape []int) {
	sel, ok := w.pick(p, c.row, dims, v)
	if !ok {
		return
	}
	steps := strides(shape)
	last := len(dims) - 1
	whole := w.Config.Dims(p.Kind, w.longest)
	sel.walk(dims, whole, func(index []int, local, _ int) {
		if local < 0 {
			return
		}
		at := sel.rank * steps[0]
		for i, k := range index {
			at += k * steps[i+1]
		}
		for k, i := range sel.local[last] {
			if i >= 0 {
				to[at+k] = x[local+i]
			}
		}
	})
}

// linear is the sum of a row's values times coefficients.
func (w *work) linear(e hook.Edit, c course, x []float32, dims []int, v view) float64 {
	sel, ok := w.pick(e.Point, c.row, dims, v)
	if !ok {
		return 0
	}
	whole := w.Config.Dims(e.Kind, w.longest)
	kept := w.base[e.ID].Values()[c.row*product(whole):]
	steps := broadcast(e.Shape, len(dims)+1)
	last := len(dims) - 1
	sum := 0.0
	sel.walk(dims, whole, func(index []int, local, abs int) {
		from := sel.rank * steps[0]
		for i, k := range index {
			from += k * steps[i+1]
		}
		for k, i := range sel.local[last] {
			value := kept[abs+sel.abs[last][k]]
			if local >= 0 && i >= 0 {
				value = x[local+i]
			}
			sum += float64(value) * float64(e.Values[from+k*steps[last+1]])
		}
	})
	return sum
}
