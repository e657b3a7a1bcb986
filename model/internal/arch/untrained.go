package arch

import (
	"math"
	"math/rand/v2"
	"unsafe"
)

// Untrained draws every matrix anew, from the normal distribution of the mean and the
// spread that its values had. Matrices that are tied remain so; biases and the weights
// of norms are left alone.
func Untrained(p Params, seed uint64) Params {
	p = p.clone()
	drawn := map[*float32][]float32{}
	for i, name := range p.Names() {
		w := p[name]
		if len(w.Shape) < 2 || len(w.Data) == 0 {
			continue
		}
		at := unsafe.SliceData(w.Data)
		if drawn[at] == nil {
			drawn[at] = redrawn(w.Data, rand.New(rand.NewPCG(seed, uint64(i))))
		}
		p[name] = Param{Shape: w.Shape, Data: drawn[at]}
	}
	return p
}

func redrawn(values []float32, rng *rand.Rand) []float32 {
	n, mean, square := float64(len(values)), 0.0, 0.0
	for _, v := range values {
		mean, square = mean+float64(v)/n, square+float64(v)*float64(v)/n
	}
	spread := math.Sqrt(max(0, square-mean*mean))
	out := make([]float32, len(values))
	for i := range out {
		out[i] = float32(mean + spread*rng.NormFloat64())
	}
	return out
}
