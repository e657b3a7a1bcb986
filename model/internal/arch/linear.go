package arch

import (
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/weights"
)

// linear reads a matrix that lies as [out, in] into a weight [in, out], and a
// bias if the model has one.
func (l *loader) linear(weight, bias, name string, in, out int, hasBias bool) {
	v := l.tensor(name+".weight", out, in)
	l.put(weight, []int{in, out}, v, func(dst []float32) error {
		return transpose(dst, v, out, in, func(row int) int { return row * in })
	})
	if hasBias {
		l.take(bias, name+".bias", out)
	}
}

// affine reads a norm's weight and, if it has one, its bias.
func (l *loader) affine(norm, name string, n int, hasBias bool) {
	l.take(norm+".w", name+".weight", n)
	if hasBias {
		l.take(norm+".b", name+".bias", n)
	}
}

// band is how many rows are read at a time to be transposed: 16 float32 fill a
// cache line of the columns that they become.
const band = 16

// transpose writes the transpose of a matrix [rows, cols] whose rows begin in
// the tensor where at says.
func transpose(dst []float32, v weights.View, rows, cols int, at func(row int) int) error {
	buf := make([]float32, band*cols)
	for r := 0; r < rows; r += band {
		n := min(band, rows-r)
		for i := range n {
			if err := v.Read(buf[i*cols:][:cols], at(r+i)); err != nil {
				return err
			}
		}
		for c := range cols {
			to := dst[c*rows+r:][:n]
			for i := range to {
				to[i] = buf[i*cols+c]
			}
		}
	}
	return nil
}

// rows reads n rows of a matrix [all, in], from the first one on, in the order that
// turned gives, into a weight [in, n], and those of the bias if there is one.
func (l *loader) rows(weight, bias, name string, in, all, first, n int, turned func(row int) int) {
	v := l.tensor(name+".weight", all, in)
	l.put(weight, []int{in, n}, v, func(dst []float32) error {
		return transpose(dst, v, n, in, func(row int) int { return (first + turned(row)) * in })
	})
	if !l.wants(bias, name+".bias") {
		return
	}
	b := l.tensor(name+".bias", all)
	l.put(bias, []int{n}, b, func(dst []float32) error {
		for row := range dst {
			if err := b.Read(dst[row:row+1], first+turned(row)); err != nil {
				return err
			}
		}
		return nil
	})
}

// straight leaves rows in their order.
func straight(row int) int { return row }

// groups reads query, key and value matrices that lie group by group, a group's
// queries and then the key and the value that they share:
// [kv_head, heads of it + 2, d_head, d_model].
func (l *loader) groups(name string, c *config.Config, to func(local string) string) {
	share, all := c.Heads/c.KVHeads, (c.Heads+2*c.KVHeads)*c.DHead
	place := func(part int) func(row int) int { // of a key or value
		return func(row int) int { return (row/c.DHead*(share+2)+part)*c.DHead + row%c.DHead }
	}
	queries := func(row int) int {
		head := row / c.DHead
		return (head/share*(share+2)+head%share)*c.DHead + row%c.DHead
	}
	l.rows(to("attn.W_Q"), to("attn.b_Q"), name, c.DModel, all, 0, c.Heads*c.DHead, queries)
	l.rows(to("attn.W_K"), to("attn.b_K"), name, c.DModel, all, 0, c.KVHeads*c.DHead, place(share))
	l.rows(to("attn.W_V"), to("attn.b_V"), name, c.DModel, all, 0, c.KVHeads*c.DHead, place(share+1))
}

// scale multiplies a planned weight, if there is one, by a factor that is not 0 or 1.
func (l *loader) scale(weight string, by float64) {
	w := l.plan[weight]
	if w == nil || by == 0 || by == 1 {
		return
	}
	l.plan[weight] = &Pending{w.Shape, func(dst []float32) error {
		if err := w.Fill(dst); err != nil {
			return err
		}
		for i := range dst {
			dst[i] *= float32(by)
		}
		return nil
	}}
}
