package exec

import (
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/crew"
	"github.com/golens/golens/model/internal/place"
)

// manyValues are worth a goroutine for each row.
const manyValues = 1 << 16

// take takes what is read of a layer's activations, or of those at the ends, and
// frees it.
func (c *chunk) take(out []*tensors.Tensor, reads []label, layer int, l layout) error {
	defer free(out...)
	for i, at := range reads {
		p := hook.Point{ID: hook.ID{Kind: at.kind, Layer: layer}, Value: at.name}
		err := tensors.ConstFlatData(out[i], func(x []float32) {
			var wg crew.Group
			defer wg.Wait()
			if at.name == "" && c.isFar(p.ID) {
				c.keepFar(p.ID, x, l)
			}
			for i := range c.rows {
				if len(x) < manyValues || c.reduce != nil { // reducing shares out the units
					c.takeRow(p, x, i, l)
				} else {
					wg.Go(func() { c.takeRow(p, x, i, l) })
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// takeRow copies captures of a row to the answer and adds up linear metrics. What
// was not computed is the base run's.
func (c *chunk) takeRow(at hook.Point, x []float32, i int, l layout) {
	r := c.rows[i]
	like, l := c.layoutOf(at, l)
	start, dims, view := l.row(like.Kind, i)
	x = x[start:][:place.Size(dims)]
	row := place.Row{Index: r.Index, Len: c.Lens[r.Index]}
	_, whole := c.Lies(at, c.Longest)
	is := func(p hook.Point) bool { return p.ID == at.ID && p.Value == at.Value }
	if at.Value != "" { // is there where the edit is
		there, all := c.LabelledAt(at, r.Variant, r.Index), view.Queries
		view.Queries = func(pos int) int {
			if _, ok := slices.BinarySearch(there, pos); !ok {
				return -1
			}
			return all(pos)
		}
	}
	for k, p := range c.captures {
		if !is(p) {
			continue
		}
		if c.reduce != nil {
			c.reduceRow(k, r, x, dims, whole, like.Kind, view)
			continue
		}
		p.Kind = like.Kind
		to, shape := c.to(k, r)
		if sel, ok := place.Select(p, row, dims, whole, view); ok && to != nil {
			sel.Gather(x, to, shape)
		}
	}
	for k, m := range c.Job.Base.Metrics {
		if m.Linear == nil || !is(m.Linear.Point) {
			continue
		}
		sum := 0.0
		e := *m.Linear
		e.Kind = like.Kind
		if sel, ok := place.Select(e.Point, row, dims, whole, view); ok {
			var kept []float32
			if a := c.base[at.ID]; a != nil && at.Value == "" {
				kept = a.Values()[r.Index*place.Size(whole):]
			}
			sum = sel.Sum(e, x, kept)
		}
		c.metric(k, r, sum, nil)
	}
}
