package arch

import "github.com/golens/golens/model/weights"

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
