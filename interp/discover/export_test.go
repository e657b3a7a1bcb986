package discover

import "math/rand/v2"

// Independent and SignTest are tested by themselves.
var SignTest = signTest

func Independent(x, y []float64) Independence {
	return independent(x, y, .05, rand.New(rand.NewPCG(1, 1)))
}
