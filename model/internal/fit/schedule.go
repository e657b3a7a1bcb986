package fit

import (
	"math"
	"math/rand/v2"
)

// A Schedule is how a rate changes with the steps.
type Schedule struct {
	Kind   string  // "" or "constant", "linear", "cosine": how it falls after the warm-up
	WarmUp int     // steps in which it rises from 0
	End    float64 // the share that is left at the end
}

// Factor is what the rate is multiplied by at a step, from 0, of so many.
func (s Schedule) Factor(step, steps int) float64 {
	if step < s.WarmUp {
		return float64(step+1) / float64(s.WarmUp)
	}
	done := float64(step-s.WarmUp) / math.Max(1, float64(steps-s.WarmUp))
	switch s.Kind {
	case "linear":
		return 1 - done*(1-s.End)
	case "cosine":
		return s.End + (1-s.End)*(1+math.Cos(math.Pi*done))/2
	}
	return 1
}

// Batch is the rows of a step: all of them in order if size is 0, else the next of
// an order that is drawn anew for each time through, so many together. What a time
// through leaves over is left out.
func Batch(step, rows, size, together int, seed uint64) []int {
	if size == 0 || size >= rows {
		all := make([]int, rows)
		for i := range all {
			all[i] = i
		}
		return all
	}
	groups, some := rows/together, size/together
	each := groups / some
	order := rand.New(rand.NewPCG(seed, uint64(step/each))).Perm(groups)
	var all []int
	for _, g := range order[step%each*some:][:some] {
		for i := range together {
			all = append(all, g*together+i)
		}
	}
	return all
}
