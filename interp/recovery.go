package interp

import (
	"errors"
	"fmt"
	"math"
)

// A Recovery measures how much of a metric a run has, on a scale where 0 is what
// is there with everything gone (or on corrupted prompts) and 1 is the model:
//
//	(F - F(∅)) / (F(M) - F(∅))
//
// Unlike the share F / F(M) it says the same of every metric: also of one that is
// negative when good, such as a log probability, and of one that falls as it gets
// better, such as a loss.
type Recovery struct {
	Whole, Empty []float64 // F(M) and F(∅) of each prompt
	// OfEach takes the mean of what each prompt recovers; otherwise means are
	// taken first. Prompts on which there is next to nothing to recover, less than
	// a twentieth of the mean, are left out: their ratios are noise.
	OfEach bool
}

// least is the share of the mean gap below which a prompt's own gap is too small
// to divide by.
const least = 1. / 20

// ErrNothing says that there is nothing to recover.
var ErrNothing = errors.New("nothing to recover")

// Check is [ErrNothing] if the model is not told apart from the run with
// everything gone: by less than two standard errors over prompts.
func (r Recovery) Check() error {
	n := float64(len(r.Whole))
	sum, square := 0.0, 0.0
	for i, whole := range r.Whole {
		sum += (whole - r.Empty[i]) / n
	}
	for i, whole := range r.Whole {
		square += math.Pow(whole-r.Empty[i]-sum, 2)
	}
	off := 0.0
	if n > 1 {
		off = 2 * math.Sqrt(square/n/(n-1))
	}
	if !(math.Abs(sum) > off) {
		return fmt.Errorf("%w: the model's metric is %.3g ± %.3g above what it is with everything gone", ErrNothing, sum, off)
	}
	return nil
}

// Of is how much a run recovers on some of the prompts, which may stand there
// more than once.
func (r Recovery) Of(run []float64, prompts []int) float64 {
	if !r.OfEach {
		above, gap := 0.0, 0.0
		for _, i := range prompts {
			above, gap = above+run[i]-r.Empty[i], gap+r.Whole[i]-r.Empty[i]
		}
		return above / gap
	}
	sum, n := 0.0, 0
	for _, i := range prompts {
		if r.counts(i) {
			sum, n = sum+(run[i]-r.Empty[i])/(r.Whole[i]-r.Empty[i]), n+1
		}
	}
	return sum / float64(n)
}

// LeftOut is how many prompts do not count because they have next to nothing to
// recover.
func (r Recovery) LeftOut() (n int) {
	for i := range r.Whole {
		if r.OfEach && !r.counts(i) {
			n++
		}
	}
	return n
}

func (r Recovery) counts(prompt int) bool {
	mean := 0.0
	for i, whole := range r.Whole {
		mean += math.Abs(whole-r.Empty[i]) / float64(len(r.Whole))
	}
	gap := math.Abs(r.Whole[prompt] - r.Empty[prompt])
	return gap > 0 && gap >= least*mean
}
