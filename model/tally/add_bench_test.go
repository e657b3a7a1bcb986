package tally_test

import (
	"math/rand/v2"
	"testing"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/tally"
)

// BenchmarkAdd takes a row of 128 positions of 3,072 units, half of whose values are above
// 0, into each kind.
func BenchmarkAdd(b *testing.B) {
	const units, positions = 3072, 128
	rng := rand.New(rand.NewPCG(1, 0))
	values := make([]float32, units*positions)
	for i := range values {
		values[i] = float32(rng.NormFloat64())
	}
	groups := make([]int, positions)
	for _, r := range []tally.Reducer{
		{Point: point, Kind: tally.Above}, {Point: point, Kind: tally.Moments}, {Point: point, Kind: tally.Top, K: 8},
		{Point: point, Kind: tally.Histogram, Low: -4, High: 4, Bins: 64},
	} {
		b.Run(string(r.Kind), func(b *testing.B) {
			a := r.Adder(r.New(units, 1))
			for b.Loop() {
				a.Add(groups, values, 0, hook.UpTo(positions))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(values)), "ns/value")
		})
	}
}
