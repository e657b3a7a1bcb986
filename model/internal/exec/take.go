package exec

import (
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/crew"
	"github.com/golens/golens/model/internal/place"
)

// manyValues are worth a goroutine for each row.
const manyValues = 1 << 16

// take takes what is read of a layer's activations, or of those at the ends, and
// frees it.
func (c *chunk) take(out []*tensors.Tensor, kinds []hook.Kind, layer int, l layout) error {
	defer free(out...)
	for i, k := range kinds {
		id := hook.ID{Kind: k, Layer: layer}
		err := tensors.ConstFlatData(out[i], func(x []float32) {
			var wg crew.Group
			defer wg.Wait()
			for i := range c.rows {
				if len(x) < manyValues {
					c.takeRow(id, x, i, l)
				} else {
					wg.Go(func() { c.takeRow(id, x, i, l) })
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
func (c *chunk) takeRow(id hook.ID, x []float32, i int, l layout) {
	r := c.rows[i]
	start, dims, view := l.row(id.Kind, i)
	x = x[start:][:place.Size(dims)]
	row := place.Row{Index: r.Index, Len: c.Lens[r.Index]}
	whole := c.Config.Dims(id.Kind, c.Longest)
	for k, p := range c.captures {
		if p.ID != id {
			continue
		}
		if c.reduce != nil {
			c.reduceRow(k, r, x, dims, view)
			continue
		}
		to, shape := c.to(k, r)
		if sel, ok := place.Select(p, row, dims, whole, view); ok && to != nil {
			sel.Gather(x, to, shape)
		}
	}
	for k, m := range c.Job.Base.Metrics {
		if m.Linear == nil || m.Linear.ID != id {
			continue
		}
		sum := 0.0
		if sel, ok := place.Select(m.Linear.Point, row, dims, whole, view); ok {
			var kept []float32
			if a := c.base[id]; a != nil {
				kept = a.Values()[r.Index*place.Size(whole):]
			}
			sum = sel.Sum(*m.Linear, x, kept)
		}
		c.metric(k, r, sum, nil)
	}
}
