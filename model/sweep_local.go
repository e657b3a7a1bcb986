//go:build !golens_cell

package model

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// Sweep runs every variant by itself, in full.
func (l *local) Sweep(ctx context.Context, s Sweep) (*SweepResult, error) {
	_, _, _, err := l.sweepJob(s)
	if err != nil {
		return nil, err
	}
	quiet := WithProgress(ctx, func(int, int) {})
	out := &SweepResult{Provenance: l.info.Provenance()}
	out.Request = s.Hash()
	if out.Base, err = l.Do(quiet, s.Base); err != nil {
		return nil, err
	}
	base, source := s.Base, s.Source
	base.Captures, base.Metrics, base.Grads = nil, nil, nil
	source.Captures, source.Metrics, source.Grads = nil, nil, nil
	for _, v := range s.Variants {
		for _, e := range v.Edits {
			if e.Op == hook.OpFreeze && e.Whole().Find(base.Captures) < 0 {
				base.Captures = append(base.Captures, e.Whole())
			}
			if e.Op == hook.OpSource && e.Whole().Find(source.Captures) < 0 {
				source.Captures = append(source.Captures, e.Whole())
			}
		}
	}
	base.Rows, _, _ = strip(s.Base) // checked above
	base.Mask = nil
	frozen, err := l.Do(quiet, base)
	if err != nil {
		return nil, err
	}
	var taken *Result
	if s.Source.Rows != nil {
		if out.Source, err = l.Do(quiet, s.Source); err != nil {
			return nil, err
		}
		source.Rows, _, _ = strip(s.Source)
		source.Mask = nil
		if taken, err = l.Do(quiet, source); err != nil {
			return nil, err
		}
	}
	metrics := make([][]*array.Array, len(s.Base.Metrics))
	captures := make([][]*array.Array, len(s.Captures))
	for i, v := range s.Variants {
		r := s.Base
		r.Captures, r.Grads, r.Edits = s.Captures, nil, slices.Clone(s.Base.Edits)
		for _, e := range v.Edits {
			r.Edits = append(r.Edits, given(e, frozen, taken, v)...)
		}
		res, err := l.Do(quiet, r)
		if err != nil {
			return nil, fmt.Errorf("sweep: %s: %w", v.name(i), err)
		}
		for k, m := range res.Metrics {
			metrics[k] = append(metrics[k], leaveOut(m, v, nil))
		}
		for k, c := range res.Captures {
			captures[k] = append(captures[k], leaveOut(c.Array, v, c.Point.Batch))
		}
		report(ctx, i+1, len(s.Variants))
	}
	for k := range metrics {
		m := s.Base.Metrics[k]
		out.Metrics = append(out.Metrics, stack(s.Variants, metrics[k]).Named(m.String(), m.Unit()))
	}
	for k, p := range s.Captures {
		out.Captures = append(out.Captures, Captured{p, stack(s.Variants, captures[k]).Named(p.ID.String(), "")})
	}
	out.Plan = Plan{Variants: len(s.Variants), Rows: len(s.Variants) * len(s.Base.Rows)}
	return out, nil
}

// Explain is the plan of a sweep.
func (l *local) Explain(_ context.Context, s Sweep) (*Plan, error) {
	if _, _, _, err := l.sweepJob(s); err != nil {
		return nil, err
	}
	return &Plan{Variants: len(s.Variants), Rows: len(s.Variants) * len(s.Base.Rows)}, nil
}

// given is an edit with its values, row by row.
func given(e hook.Edit, base, source *Result, v Variant) (edits []hook.Edit) {
	for row, labels := range base.Labels {
		rank := row
		if e.Batch != nil {
			rank = slices.Index(e.Batch, row)
		}
		if rank < 0 || !v.runs(row) {
			continue
		}
		one := e
		one.Batch = nil
		if at := slices.Clone(e.Pos.In(row)); at != nil {
			for i, pos := range at {
				at[i] = (pos + len(labels)) % len(labels)
			}
			one.Pos = hook.Positions{Rows: [][]int{at}}
		}
		switch from := map[hook.Op]*Result{hook.OpFreeze: base, hook.OpSource: source}[e.Op]; {
		case from != nil:
			one = one.Replace(cut(from.At(e.Whole()).Select(hook.Batch, row), one.Point))
		case len(e.Shape) == len(e.Kind.Axes()) && e.Shape[0] > 1: // values of every row
			n := len(e.Values) / e.Shape[0]
			one.Shape, one.Values = e.Shape[1:], e.Values[rank*n:(rank+1)*n]
		}
		one.Batch = []int{row}
		edits = append(edits, one)
	}
	return edits
}

// leaveOut makes the rows that a variant does not run NaN. The batch axis holds
// the rows of batch, or all.
func leaveOut(a *array.Array, v Variant, batch []int) *array.Array {
	if v.Rows == nil {
		return a
	}
	b := array.New(a.Axes()...)
	copy(b.Values(), a.Values())
	n := a.Shape()[0]
	for i := range n {
		row := i
		if batch != nil {
			row = batch[i]
		}
		if !v.runs(row) {
			part := b.Values()[i*len(b.Values())/n:][:len(b.Values())/n]
			for k := range part {
				part[k] = float32(math.NaN())
			}
		}
	}
	return b
}

// stack puts one array of each variant on top of each other.
func stack(variants []Variant, parts []*array.Array) *array.Array {
	axis := array.Dim(hook.Variant, len(parts))
	names := make([]string, len(parts))
	for i, v := range variants {
		if names[i] = v.Name; v.Name != "" {
			axis.Labels = names
		}
	}
	values := make([]float32, 0, len(parts)*len(parts[0].Values()))
	for _, p := range parts {
		values = append(values, p.Values()...)
	}
	return array.Of(values, append([]array.Axis{axis}, parts[0].Axes()...)...)
}
