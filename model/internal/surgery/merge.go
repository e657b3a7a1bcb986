package surgery

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/golens/golens/model/internal/arch"
)

// Sum is a model of the same shapes whose every weight is a weighted sum of the
// models': the mean with weights 1/n, task arithmetic with 1 - the sum of the
// others for the base.
func Sum(models []arch.Params, by []float64) (arch.Params, error) {
	return combine(models, func(parts [][]float32, out []float32) {
		for i := range out {
			sum := 0.0
			for m, part := range parts {
				sum += by[m] * float64(part[i])
			}
			out[i] = float32(sum)
		}
	})
}

// Slerp goes the share t of the way from a to b along the great circle of every
// weight; nearly parallel ones are mixed straight.
//
// Source: Shoemake 1985, "Animating Rotation with Quaternion Curves".
func Slerp(a, b arch.Params, t float64) (arch.Params, error) {
	return combine([]arch.Params{a, b}, func(parts [][]float32, out []float32) {
		var aa, bb, ab float64
		for i, x := range parts[0] {
			x, y := float64(x), float64(parts[1][i])
			aa, bb, ab = aa+x*x, bb+y*y, ab+x*y
		}
		from, to := 1-t, t
		if cos := ab / math.Sqrt(aa*bb); aa > 0 && bb > 0 && math.Abs(cos) < 0.9995 {
			angle := math.Acos(cos)
			from, to = math.Sin((1-t)*angle)/math.Sin(angle), math.Sin(t*angle)/math.Sin(angle)
		}
		for i := range out {
			out[i] = float32(from*float64(parts[0][i]) + to*float64(parts[1][i]))
		}
	})
}

func combine(models []arch.Params, mix func(parts [][]float32, out []float32)) (arch.Params, error) {
	out := maps.Clone(models[0])
	for _, name := range models[0].Names() {
		w := models[0][name]
		parts := [][]float32{w.Data}
		for i, m := range models[1:] {
			o, ok := m[name]
			if !ok || !slices.Equal(o.Shape, w.Shape) || len(m) != len(models[0]) {
				return nil, fmt.Errorf("weight %s is %v in the first model and %v in model %d; models of one shape can be merged", name, w.Shape, o.Shape, i+1)
			}
			parts = append(parts, o.Data)
		}
		data := make([]float32, len(w.Data))
		mix(parts, data)
		out[name] = arch.Param{Shape: w.Shape, Data: data}
	}
	return out, nil
}
