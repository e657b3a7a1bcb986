package arch

import "github.com/golens/golens/model/config"

// linear reads a matrix that lies as [out, in] into a weight [in, out], and a
// bias if the model has one.
func (l *loader) linear(weight, bias, name string, in, out int, hasBias bool) {
	v := l.tensor(name+".weight", out, in)
	l.put(weight, []int{in, out}, v, func(dst []float32) error {
		return v.ReadTransposed(dst, out, in, func(row int) int { return row * in })
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

// rows reads n rows of a matrix [all, in], from the first one on, in the order that
// turned gives, into a weight [in, n], and those of the bias if there is one.
func (l *loader) rows(weight, bias, name string, in, all, first, n int, turned func(row int) int) {
	v := l.tensor(name+".weight", all, in)
	l.put(weight, []int{in, n}, v, func(dst []float32) error {
		return v.ReadTransposed(dst, n, in, func(row int) int { return (first + turned(row)) * in })
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
