package plotting

import (
	"math"
	"math/rand/v2"
)

// noise is n repeatable numbers in [lo, hi).
func noise(n int, lo, hi float64) []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(lo + (hi-lo)*r.Float64())
	}
	return out
}

func headScores() fake {
	v := noise(144, -0.3, 0.3)
	v[9*12+6], v[10*12+0], v[5*12+5], v[11*12+10] = 2.31, 1.4, 0.9, -1.9
	v[3] = float32(math.NaN())
	return fake{shape: []int{12, 12}, vals: v, names: []string{"layer", "head"}, title: "direct effect on the logit difference", unit: "logits"}
}

func induction() fake {
	v := noise(16, 0, 0.1)
	v[8+3], v[8+6] = 0.98, 0.71
	return fake{shape: []int{2, 8}, vals: v, names: []string{"layer", "head"}, title: "attention to the token after the last copy"}
}

// gallery is one figure of every kind, by name.
func gallery() map[string]*Figure {
	return map[string]*Figure{
		"headmap_12x12": HeadMap(headScores()),
		"headmap_2x8":   HeadMap(induction()),
	}
}
