package exec

import (
	"math"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/crew"
)

// answer is the empty array that a capture of the whole job will fill.
func answer(c config.Config, p hook.Point, rows, longest int) *array.Array {
	var axes []array.Axis
	for i, n := range c.Selected(p, rows, longest) {
		name := p.Kind.Axes()[i]
		if name == "kv_head" {
			name = hook.Head
		}
		axes = append(axes, array.Dim(name, n))
	}
	return array.New(axes...).Named(p.ID.String(), "")
}

// collect copies the selected part of an activation of the chunk to its rows
// of the answer, large ones side by side. Positions past the end of a row are
// NaN.
func (f *frame) collect(c config.Config, p hook.Point, t *tensors.Tensor, to *array.Array) error {
	dims := c.Dims(p.Kind, f.pos)
	return tensors.ConstFlatData(t, func(from []float32) {
		var wg crew.Group
		for _, g := range f.regions(p, dims, true) {
			if len(from) < manyValues {
				copyRow(g, dims, from, to)
			} else {
				wg.Go(func() { copyRow(g, dims, from, to) })
			}
		}
		wg.Wait()
	})
}

// manyValues are worth a goroutine for each row.
const manyValues = 1 << 16

func copyRow(g region, dims []int, from []float32, to *array.Array) {
	nan := float32(math.NaN())
	rowLen := len(to.Values()) / to.Shape()[0]
	out := to.Values()[g.rank*rowLen:][:0]
	run := leading(g.axes[len(g.axes)-1])
	g.walk(dims, func(_ []int, offset int, last []int) {
		if offset >= 0 {
			out = append(out, from[offset:offset+run]...)
			last = last[run:]
		}
		for _, i := range last {
			if offset < 0 || i < 0 {
				out = append(out, nan)
			} else {
				out = append(out, from[offset+i])
			}
		}
	})
}

// leading is how many of the indices are 0, 1, 2 and so on.
func leading(indices []int) int {
	for i, at := range indices {
		if at != i {
			return i
		}
	}
	return len(indices)
}
