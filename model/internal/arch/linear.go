package arch

import (
	"runtime"
	"sync"
)

// linear reads a matrix that lies as [out, in] into a weight [in, out], and a
// bias if the model has one.
func (l *loader) linear(weight, bias, name string, in, out int, hasBias bool) {
	values := l.read(name+".weight", out, in)
	if l.err == nil {
		l.params[weight] = Param{[]int{in, out}, transpose(values, out, in)}
	}
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

// tile is the side of the squares in which a matrix is transposed: a square of
// each side fits the first cache.
const tile = 32

// transpose is the transpose of a matrix [rows, cols], made in parallel.
func transpose(from []float32, rows, cols int) []float32 {
	to := make([]float32, len(from))
	var wg sync.WaitGroup
	procs := runtime.GOMAXPROCS(0)
	if rows*cols < 1<<16 {
		procs = 1 // a goroutine costs more than it saves
	}
	for p := range procs {
		wg.Go(func() {
			for r := p * tile; r < rows; r += procs * tile {
				for c := 0; c < cols; c += tile {
					for i := r; i < min(r+tile, rows); i++ {
						for j := c; j < min(c+tile, cols); j++ {
							to[j*rows+i] = from[i*cols+j]
						}
					}
				}
			}
		})
	}
	wg.Wait()
	return to
}
