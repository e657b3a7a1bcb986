package lens

import "math"

// likeliest is the token with the largest logit, and its probability.
func likeliest(logits []float32) (id int32, p float64) {
	for i, v := range logits {
		if v > logits[id] {
			id = int32(i)
		}
	}
	sum := 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v) - float64(logits[id]))
	}
	return id, 1 / sum
}
