package dictionary

import (
	"runtime"
	"sync"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/golens/golens/model/internal/crew"
)

// A list is the entries of a sparse matrix [row, feature], row by row.
type list struct {
	start []int // [row+1], into the others
	index []int32
	value []float32
}

func (l list) row(r int) (from, to int) { return l.start[r], l.start[r+1] }

// with is a list of the same entries with other values.
func (l list) with(value []float32) list { return list{l.start, l.index, value} }

// gather is the list of what each row gives.
func gather(rows int, each func(r int, take func(i int, v float32))) list {
	type part struct {
		index []int32
		value []float32
		ends  []int
	}
	parts := make([]part, rows)
	const some = 64
	parallel((rows+some-1)/some, func(c int) {
		p := &parts[c*some]
		take := func(i int, v float32) {
			p.index, p.value = append(p.index, int32(i)), append(p.value, v)
		}
		for r := c * some; r < min(rows, (c+1)*some); r++ {
			each(r, take)
			p.ends = append(p.ends, len(p.index))
		}
	})
	l := list{start: []int{0}}
	for _, p := range parts {
		base := len(l.index)
		l.index, l.value = append(l.index, p.index...), append(l.value, p.value...)
		for _, e := range p.ends {
			l.start = append(l.start, base+e)
		}
	}
	return l
}

// byFeature are the entries feature by feature: where each feature's begin in
// order, the entry's number, and its row.
func (l list) byFeature(features int) (start []int, order, rows []int32) {
	start = make([]int, features+1)
	for _, i := range l.index {
		start[i+1]++
	}
	for i := range features {
		start[i+1] += start[i]
	}
	next := append([]int(nil), start[:features]...)
	order, rows = make([]int32, len(l.index)), make([]int32, len(l.index))
	for r := range len(l.start) - 1 {
		for e := l.start[r]; e < l.start[r+1]; e++ {
			at := next[l.index[e]]
			next[l.index[e]]++
			order[at], rows[at] = int32(e), int32(r)
		}
	}
	return start, order, rows
}

// full is the matrix.
func (l list) full(features int) []float32 {
	x := make([]float32, (len(l.start)-1)*features)
	parallel(len(l.start)-1, func(r int) {
		for e := l.start[r]; e < l.start[r+1]; e++ {
			x[r*features+int(l.index[e])] = l.value[e]
		}
	})
	return x
}

// parallel does work for 0 to n-1, on all processors.
func parallel(n int, work func(i int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	if workers < 2 {
		for i := range n {
			work(i)
		}
		return
	}
	each := max(1, n/(workers*8))
	var next sync.Mutex
	at := 0
	var done crew.Group
	for range workers {
		done.Go(func() {
			for {
				next.Lock()
				from := at
				at += each
				next.Unlock()
				if from >= n {
					return
				}
				for i := from; i < min(n, from+each); i++ {
					work(i)
				}
			}
		})
	}
	done.Wait()
}

var kernels = blas32.Implementation()

// axpy adds a·x to y.
func axpy(a float32, x, y []float32) { kernels.Saxpy(len(x), a, x, 1, y, 1) }

// dot is x·y.
func dot(x, y []float32) float32 { return kernels.Sdot(len(x), x, 1, y, 1) }
