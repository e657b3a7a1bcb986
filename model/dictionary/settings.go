package dictionary

import (
	"errors"
	"fmt"
	"slices"
)

// A Method is an architecture as it is trained.
type Method string

// The methods.
const (
	LearnStandard   Method = "standard" // an L1 (or Lp) penalty
	LearnTopK       Method = "topk"
	LearnBatchTopK  Method = "batchtopk" // K for each row on average; becomes JumpReLU
	LearnMatryoshka Method = "matryoshka_batchtopk"
	LearnJumpReLU   Method = "jumprelu"
	LearnGated      Method = "gated"
)

// Settings say what is learned and how. Zero values are SAELens' defaults, except
// where a field says otherwise.
type Settings struct {
	Method   Method // "" is standard
	Features int    // 0 means 8 for each input

	Rate     float64 // of Adam; 0 means 3e-4
	Beta1    float64 // 0 means 0.9
	Beta2    float64 // 0 means 0.999
	Batch    int     // rows of a step; 0 means 4096
	Steps    int     // at least 1
	WarmUp   int     // steps in which the rate rises
	WindDown int     // last steps in which it falls to 0
	Seed     uint64

	L1 float64 // coefficient of the penalty of standard and gated; 0 means 1
	P  float64 // the norm in it; 0 means 1
	L0 float64 // coefficient of the penalty of JumpReLU; 0 means 1
	// SparsityWarmUp is how many steps L1 or L0 takes to rise.
	SparsityWarmUp int

	K      int   // of the top-k methods; 0 means 100
	Widths []int // of Matryoshka, rising; the last is Features
	OwnAux bool  // Matryoshka has an auxiliary loss for each width
	// Aux is the coefficient of the loss by which dead features of the top-k methods
	// are revived; 0 means 1 (Gao et al. 2024 have 1/32), a negative one means none.
	Aux       float64
	NoRescale bool // the choice of top-k is by pre-activation alone, not times the decoder's norm

	Penalty   string  // of JumpReLU: "step" (or empty), "tanh", "quadratic"
	TargetL0  float64 // of quadratic
	TanhScale float64 // 0 means 4
	Bandwidth float64 // of the straight-through estimator; 0 means 0.05
	Threshold float64 // where thresholds start; 0 means 0.01
	InputSTE  bool    // the estimator's gradient goes to the input too
	PreAct    float64 // coefficient of the loss that revives dead features of JumpReLU

	FrozenAux bool // Gated's auxiliary reconstruction does not train the decoder, as in the paper

	// NoMSE leaves the squared error out of the loss, for a training by what
	// [Trainer.StepThrough] adds.
	NoMSE bool

	DecoderNorm float64 // of rows at the start; 0 means 0.1
	UnitNorm    bool    // decoder rows keep norm 1
	NoCentre    bool    // b_dec is not taken off the input; always so for transcoders
	Skip        bool    // a transcoder has a skip connection

	DeadAfter int // steps without firing; 0 means 1000
	// Resample gives dead features new directions every so many steps, drawn from the
	// rows that are reconstructed worst (Bricken et al. 2023); 0 means never.
	Resample int
}

// Filled is the settings with defaults in place of zeros, for inputs and outputs
// of these widths.
func (s Settings) Filled(in, out int) (Settings, error) {
	set := func(v *float64, to float64) {
		if *v == 0 {
			*v = to
		}
	}
	if s.Method == "" {
		s.Method = LearnStandard
	}
	if s.Features == 0 {
		s.Features = 8 * in
	}
	set(&s.Rate, 3e-4)
	set(&s.Beta1, 0.9)
	set(&s.Beta2, 0.999)
	set(&s.L1, 1)
	set(&s.P, 1)
	set(&s.L0, 1)
	set(&s.Aux, 1)
	set(&s.TanhScale, 4)
	set(&s.Bandwidth, 0.05)
	set(&s.Threshold, 0.01)
	set(&s.DecoderNorm, 0.1)
	if s.Batch == 0 {
		s.Batch = 4096
	}
	if s.K == 0 {
		s.K = 100
	}
	if s.DeadAfter == 0 {
		s.DeadAfter = 1000
	}
	if s.Penalty == "" {
		s.Penalty = "step"
	}
	if s.UnitNorm {
		s.DecoderNorm = 1
	}
	return s, s.check(in, out)
}

func (s Settings) check(in, out int) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("dictionary: %s: %s", s.Method, fmt.Sprintf(format, args...))
	}
	switch s.Method {
	case LearnStandard, LearnGated, LearnJumpReLU:
	case LearnTopK, LearnBatchTopK, LearnMatryoshka:
		if s.K < 1 || s.K > s.Features {
			return fail("the %d largest of %d features", s.K, s.Features)
		}
	default:
		return fmt.Errorf("dictionary: no method %q; there are standard, topk, batchtopk, matryoshka_batchtopk, jumprelu and gated", s.Method)
	}
	if s.Method == LearnMatryoshka {
		if len(s.Widths) == 0 || s.Widths[0] < 1 || !slices.IsSorted(s.Widths) || s.Widths[len(s.Widths)-1] != s.Features {
			return fail("widths %v; they rise, from at least 1 to the %d features", s.Widths, s.Features)
		}
	} else if s.Widths != nil {
		return fail("it has no nested widths; matryoshka_batchtopk has")
	}
	switch s.Penalty {
	case "step", "tanh":
	case "quadratic":
		if s.TargetL0 <= 0 {
			return fail("the quadratic penalty needs TargetL0, above 0")
		}
	default:
		return fail("no penalty %q; there are step, tanh and quadratic", s.Penalty)
	}
	if in < 1 || out < 1 || s.Features < 1 || s.Steps < 0 || s.Batch < 1 {
		return fail("%d features from width %d to width %d, %d steps of %d rows", s.Features, in, out, s.Steps, s.Batch)
	}
	if s.P < 1 || s.Rate < 0 || s.Bandwidth < 0 || s.Threshold < 0 || s.L1 < 0 || s.L0 < 0 {
		return fail("a negative rate, coefficient, bandwidth or threshold, or a norm below 1")
	}
	if s.WarmUp < 0 || s.WindDown < 0 || s.Resample < 0 || s.SparsityWarmUp < 0 {
		return errors.New("dictionary: a negative number of steps")
	}
	return nil
}

// rate is the learning rate at a step, from 0.
func (s Settings) rate(step int) float64 {
	r := s.Rate
	if step < s.WarmUp {
		r *= float64(step+1) / float64(s.WarmUp)
	}
	if left := s.Steps - step; left <= s.WindDown {
		r *= float64(left) / float64(s.WindDown+1)
	}
	return r
}

// sparsity is the share of the penalty at a step.
func (s Settings) sparsity(step int) float64 {
	if step < s.SparsityWarmUp {
		return float64(step) / float64(s.SparsityWarmUp)
	}
	return 1
}
