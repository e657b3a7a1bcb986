package lens

import "math"

// likeliest is the token with the largest logit, and its probability.
func likeliest(logits []float32) (id int32, p float64) {
	for i, v := range logits {
		if v > logits[id] {
			id = int32(i)
		}
	}
	return id, math.Exp(float64(logits[id]) - logSum(logits))
}

// logSum is log(sum(exp(x))).
func logSum(x []float32) float64 {
	top := float64(x[0])
	for _, v := range x {
		top = max(top, float64(v))
	}
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(float64(v) - top)
	}
	return top + math.Log(sum)
}

// compared is the entropy of one prediction, and its divergence from another.
func compared(from, x []float32) (entropy, kl float64) {
	zx, zf := logSum(x), logSum(from)
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
