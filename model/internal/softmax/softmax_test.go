package softmax

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// Exponentials are within the bound of exact ones, over all that there can be, in
// rows of every length, and their sums too.
func TestBound(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	for n := range 70 {
		x, out := make([]float32, n), make([]float64, n)
		for i := range x {
			x[i] = float32(-720 + rng.Float64()*1420)
			if i%3 == 0 {
				x[i] = float32(rng.NormFloat64())
			}
		}
		for _, shift := range []float64{0, 1.5} {
			exact := 0.0
			sum := Exps(out, x, shift, 0.9)
			for i, v := range x {
				want := math.Exp((float64(v) - shift) * 0.9)
				if want < math.Exp(lowest) {
					want = 0
				}
				exact += want
				if math.Abs(out[i]-want) > 1e-13*want {
					t.Fatalf("exp((%g - %g) * 0.9) is %g, not %g", v, shift, out[i], want)
				}
			}
			if math.Abs(sum-exact) > 1e-13*exact || sum != Exps(nil, x, shift, 0.9) {
				t.Fatalf("the sum of %d is %g, not %g", n, sum, exact)
			}
		}
	}
}

// What has no probability has none, and what is no number says so.
func TestEdges(t *testing.T) {
	inf := float32(math.Inf(1))
	nan := float32(math.NaN())
	out := make([]float64, 5)
	if z := Of(out, []float32{1, -inf, 1, -inf, -2000}); math.Abs(z-1-math.Ln2) > 1e-15 || out[0] != 0.5 || out[1] != 0 || out[3] != 0 || out[4] != 0 {
		t.Errorf("%v, %v", z, out)
	}
	for _, x := range [][]float32{{1, nan, 2, 3, 4}, {1, 2, 3, 4, nan}, {nan, nan, nan, nan, nan}, {inf, 1, 2, 3, 4}, {-inf, -inf, -inf, -inf, -inf}} {
		if z := LogSum(x); !math.IsNaN(z) {
			t.Errorf("%v: %v", x, z)
		}
	}
}

// An exponential takes no more than five times what its polynomial does, 6 ns where it
// takes 9, in any of several runs: on some processors one that mixes encodings of
// instructions, as math.Exp does, takes 190 to 600 ns, now and then.
func TestExponentialsAreNotSlow(t *testing.T) {
	x := make([]float32, 50_000)
	for i := range x {
		x[i] = float32(i%100) / 10
	}
	took := func(f func()) time.Duration {
		start := time.Now()
		f()
		return time.Since(start)
	}
	for range 5 {
		exps, polynomials := time.Hour, time.Duration(0)
		for try := 0; try < 100 && exps > 5*polynomials; try++ { // the machine may be busy
			p := took(func() { polynomial(x) })
			if exps = min(exps, took(func() { LogSum(x) })); try == 0 || p < polynomials {
				polynomials = p
			}
		}
		if exps > 5*polynomials {
			t.Errorf("%v for %d exponentials, and %v for as many polynomials", exps, len(x), polynomials)
		}
	}
}

// polynomial is the sum of what an exponential is made of, number by number.
//
//go:noinline
func polynomial(x []float32) (sum float64) {
	for _, v := range x {
		p := series[0]
		for _, c := range series[1:] {
			p = p*float64(v) + c
		}
		sum += p
	}
	return sum
}

func BenchmarkLogSum(b *testing.B) {
	x := make([]float32, 49152)
	for i := range x {
		x[i] = float32(i%100) / 10
	}
	for b.Loop() {
		LogSum(x)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(x)), "ns/exp")
}
