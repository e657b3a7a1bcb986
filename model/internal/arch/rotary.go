package arch

import (
	"cmp"
	"fmt"
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/config"
)

// RotaryTables are the cosines and sines of positions 0 to n-1, each
// [pos, Dim/2].
func RotaryTables(r config.Rotary, n int) (cos, sin []float32) {
	rates, size := rotaryRates(r)
	for pos := range n {
		for _, rate := range rates {
			s, c := math.Sincos(float64(pos) * rate)
			cos, sin = append(cos, float32(c*size)), append(sin, float32(s*size))
		}
	}
	return cos, sin
}

// rotaryRates are the angles per position of each pair, and what cosines and
// sines are multiplied by.
func rotaryRates(r config.Rotary) (rates []float64, size float64) {
	s := r.Scaling
	for i := 0; i < r.Dim; i += 2 {
		rates = append(rates, math.Pow(r.Base, -float64(i)/float64(r.Dim)))
	}
	switch s.Type {
	case "linear":
		for i := range rates {
			rates[i] /= s.Factor
		}
	case "llama3": // long waves are stretched, short ones kept, those between blended
		for i, rate := range rates {
			wave := 2 * math.Pi / rate
			kept := (float64(s.Original)/wave - s.LowFactor) / (s.HighFactor - s.LowFactor)
			kept = min(1, max(0, kept))
			rates[i] = rate*kept + rate/s.Factor*(1-kept)
		}
	case "none":
		clear(rates)
	case "factors":
		for i := range rates {
			rates[i] /= s.Factors[i]
		}
		return rates, cmp.Or(s.Attention, 1)
	case "yarn":
		yarn(r, rates)
		return rates, s.Attention
	}
	return rates, 1 // dynamic scaling begins beyond the context, where nothing runs
}

// yarn blends stretched and kept waves between two numbers of turns within the
// original context.
func yarn(r config.Rotary, rates []float64) {
	s := r.Scaling
	at := func(turns float64) float64 { // the coordinate pair that makes so many turns
		return float64(r.Dim) * math.Log(float64(s.Original)/(turns*2*math.Pi)) / (2 * math.Log(r.Base))
	}
	low, high := at(s.BetaFast), at(s.BetaSlow)
	if !s.Smooth {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = max(0, low), min(float64(r.Dim-1), high)
	if low == high {
		high += 0.001 // as the reference does, so that the ramp is finite
	}
	for i, rate := range rates {
		stretched := min(1, max(0, (float64(i)-low)/(high-low)))
		rates[i] = rate/s.Factor*stretched + rate*(1-stretched)
	}
}

// yarnSize is what a stretch by factor multiplies queries and keys by.
func yarnSize(factor, scale float64) float64 {
	if factor <= 1 {
		return 1
	}
	return 0.1*scale*math.Log(factor) + 1
}

// checkScaling fills in defaults and refuses what is not implemented.
func checkScaling(s config.Scaling, context int) (config.Scaling, error) {
	if s.Original == 0 {
		s.Original = context
	}
	switch s.Type {
	case "", "default":
		return config.Scaling{}, nil
	case "linear", "dynamic":
	case "factors":
		if len(s.Factors) == 0 {
			return s, fmt.Errorf("rope_scaling factors: there are none")
		}
		for _, f := range s.Factors {
			if !(f > 0) || f > math.MaxFloat32 {
				return s, fmt.Errorf("rope_scaling factors: one is %g; it must be finite and above 0", f)
			}
		}
		return s, nil
	case "llama3":
		if s.HighFactor <= s.LowFactor {
			return s, fmt.Errorf("rope_scaling llama3: high_freq_factor %g is not above low_freq_factor %g", s.HighFactor, s.LowFactor)
		}
	case "yarn":
		if s.BetaFast == 0 {
			s.BetaFast = 32
		}
		if s.BetaSlow == 0 {
			s.BetaSlow = 1
		}
		if s.Attention == 0 {
			s.Attention = yarnSize(s.Factor, 1)
		}
	default:
		return s, fmt.Errorf("rope_scaling: type %q is not implemented; linear, dynamic, llama3, yarn and longrope are", s.Type)
	}
	if s.Factor < 1 {
		return s, fmt.Errorf("rope_scaling: factor is %g; it must be at least 1", s.Factor)
	}
	return s, nil
}

// rotate turns pairs of coordinates of x [batch, pos, head, d_head] by their
// position's angle; cos and sin are [pos, Dim/2] or [batch, pos, Dim/2].
func (b *builder) rotate(x, cos, sin *Node) *Node {
	d, n := x.Shape().Dimensions, b.Rotary.Dim
	cos, sin = Reshape(cos, -1, d[1], 1, n/2), Reshape(sin, -1, d[1], 1, n/2)
	return b.turn(x, BroadcastToDims(cos, d[0], d[1], d[2], n/2), BroadcastToDims(sin, d[0], d[1], d[2], n/2))
}

// turn turns pairs of coordinates of x [..., d_head] by angles whose cosines and
// sines are [..., Dim/2].
func (b *builder) turn(x, cos, sin *Node) *Node {
	d, n := x.Shape().Dimensions, b.Rotary.Dim
	part := func(from, to int) *Node {
		return Slice(x, AxisRange(), AxisRange(), AxisRange(), AxisRange(from, to))
	}
	var first, second *Node
	if b.Rotary.Adjacent {
		pairs := Reshape(part(0, n), d[0], d[1], d[2], n/2, 2)
		of := func(i int) *Node {
			return Reshape(Slice(pairs, AxisRange(), AxisRange(), AxisRange(), AxisRange(), AxisRange(i, i+1)), d[0], d[1], d[2], n/2)
		}
		first, second = of(0), of(1)
	} else {
		first, second = part(0, n/2), part(n/2, n)
	}
	turned := []*Node{Sub(Mul(first, cos), Mul(second, sin)), Add(Mul(second, cos), Mul(first, sin))}
	if b.Rotary.Adjacent {
		turned = []*Node{Reshape(Concatenate([]*Node{ExpandAxes(turned[0], -1), ExpandAxes(turned[1], -1)}, -1), d[0], d[1], d[2], n)}
	}
	if n < d[3] {
		turned = append(turned, part(n, d[3]))
	}
	return Concatenate(turned, -1)
}
