package dictionary

// dense is the share of entries from which a product by the whole matrix is
// cheaper than one entry after another: a dense product does about twenty times as
// many operations in a second.
const dense = 1. / 20

func (t *Trainer) isDense(l list) bool {
	return float64(len(l.index)) > dense*float64(len(l.start)-1)*float64(t.Features)
}

// decode adds l·W_dec to out [row, d_out].
func (t *Trainer) decode(l list, out []float32) error {
	n, d := len(l.start)-1, t.out
	if t.isDense(l) {
		return t.product(Operand{l.full(t.Features), n, t.Features, false}, Operand{t.dec.value, t.Features, d, false}, 1, out)
	}
	parallel(n, func(r int) {
		for e := l.start[r]; e < l.start[r+1]; e++ {
			axpy(l.value[e], t.dec.value[int(l.index[e])*d:][:d], out[r*d:][:d])
		}
	})
	return nil
}

// against are the products of each entry's decoder row with its row of g, of which
// there is one for each nested width.
func (t *Trainer) against(l list, g [][]float32) ([]float32, error) {
	n, d := len(l.start)-1, t.out
	out := make([]float32, len(l.index))
	if len(g) == 1 && t.isDense(l) {
		all := make([]float32, n*t.Features)
		if err := t.product(Operand{g[0], n, d, false}, Operand{t.dec.value, t.Features, d, true}, 0, all); err != nil {
			return nil, err
		}
		parallel(n, func(r int) {
			for e := l.start[r]; e < l.start[r+1]; e++ {
				out[e] = all[r*t.Features+int(l.index[e])]
			}
		})
		return out, nil
	}
	parallel(n, func(r int) {
		for e := l.start[r]; e < l.start[r+1]; e++ {
			i := int(l.index[e])
			out[e] = dot(t.dec.value[i*d:][:d], g[t.nested(i, len(g))][r*d:][:d])
		}
	})
	return out, nil
}

// accumulate adds to each feature's row of into [feature, d] the rows of x, of
// which there is one for each nested width, times the entries.
func (t *Trainer) accumulate(l list, x [][]float32, d int, into []float32) error {
	n := len(l.start) - 1
	if len(x) == 1 && t.isDense(l) {
		return t.product(Operand{l.full(t.Features), n, t.Features, true}, Operand{x[0], n, d, false}, 1, into)
	}
	start, order, rows := l.byFeature(t.Features)
	parallel(t.Features, func(i int) {
		from := x[t.nested(i, len(x))]
		for k := start[i]; k < start[i+1]; k++ {
			if v := l.value[order[k]]; v != 0 {
				axpy(v, from[int(rows[k])*d:][:d], into[i*d:][:d])
			}
		}
	})
	return nil
}

// nested is the innermost of n nested widths that a feature is in.
func (t *Trainer) nested(i, n int) int {
	if n == 1 {
		return 0
	}
	for w, width := range t.Widths {
		if i < width {
			return w
		}
	}
	return n - 1
}
