package lens

import (
	"math"

	"github.com/golens/golens/model/array"
)

// likeliest is the token with the largest logit, and its probability.
func likeliest(logits []float32) (id int32, p float64) {
	for i, v := range logits {
		if v > logits[id] {
			id = int32(i)
		}
	}
	return id, math.Exp(float64(logits[id]) - array.LogSumExp(logits))
}

// compared is the entropy of one prediction, and its divergence from another.
func compared(from, x []float32) (entropy, kl float64) {
	zx, zf := array.LogSumExp(x), array.LogSumExp(from)
	for i, v := range x {
		lx, lf := float64(v)-zx, float64(from[i])-zf
		if p := math.Exp(lx); p > 0 {
			entropy -= p * lx
		}
		if p := math.Exp(lf); p > 0 {
			kl += p * (lf - lx)
		}
	}
	return entropy, kl
}
