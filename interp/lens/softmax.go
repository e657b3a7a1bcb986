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
