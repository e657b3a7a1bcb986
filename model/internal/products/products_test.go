package products

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// Vectors of every length and number, some of them one and the same, and sums that were
// there before.
func TestAddIsEachProduct(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 7, 16, 33, 48, 768, block - 1, block, block + 17, 3*block + 5} {
		for _, m := range [][2]int{{1, 1}, {1, 5}, {2, 3}, {3, 3}, {4, 7}, {5, 1}} {
			vectors := func(k int) (all [][]float32) {
				for range k {
					v := make([]float32, n+3) // begins where no wide value does
					for i := range v {
						v[i] = rng.Float32()*2 - 1
					}
					all = append(all, v[3:])
				}
				return all
			}
			a, b, stride := vectors(m[0]), vectors(m[1]), m[1]+2
			b[0] = a[0]
			sums := make([]float32, m[0]*stride)
			for i := range sums {
				sums[i] = float32(i)
			}
			Add(sums, stride, a, b, -0.5)
			for i := range sums {
				want := float64(i)
				if r, c := i/stride, i%stride; c < m[1] {
					for k, v := range a[r] {
						want -= 0.5 * float64(v) * float64(b[c][k])
					}
				}
				if d := math.Abs(float64(sums[i]) - want); !(d < 1e-6*float64(n+i+10)) {
					t.Fatalf("%d x %d vectors of %d: %g at %d, want %g", m[0], m[1], n, sums[i], i, want)
				}
			}
		}
	}
	Add(nil, 1, nil, [][]float32{{1}}, 1) // of none
}

func BenchmarkAdd(b *testing.B) {
	const n, of, to = 768, 36, 157
	for _, pos := range []int{1, 15} {
		b.Run(fmt.Sprint(pos), func(b *testing.B) {
			vectors := func(k int) (all [][]float32) {
				v := make([]float32, k*n)
				for i := range v {
					v[i] = float32(i % 7)
				}
				for i := range k {
					all = append(all, v[i*n:][:n])
				}
				return all
			}
			x, y, sums := vectors(of*pos), vectors(to*pos), make([]float32, of*to)
			for b.Loop() {
				for p := range pos {
					Add(sums, to, x[p*of:][:of], y[p*to:][:to], 1)
				}
			}
			b.ReportMetric(2*n*of*to*float64(pos*b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
