package training

import (
	"fmt"
	"slices"

	"github.com/golens/golens/model/config"
)

// Settings are all that decides a training run, beside its tokens.
type Settings struct {
	Model config.Config

	Seed         uint64
	Steps        int
	Batch        int     // rows per step, each of the model's full context
	LearningRate float64 // the highest, after the warm-up
	FinalRate    float64 // at the end of the cosine
	WarmUp       int     // steps in which the rate rises to its highest
	Beta2        float64 // of Adam's second moment
	// Repeats is the share of rows that are random tokens, repeated; the others
	// are text, or of a drill. 0 trains on those alone.
	Repeats float64
	// TiedStart begins with an unembedding that is a small copy of the embedding,
	// so that a head that leaves a token as it is already copies it.
	TiedStart bool `json:",omitempty"`
	// Dropout is the share of attention weights, and of what sublayers write, that
	// is left out at random in each step of training, as in GPT-2.
	Dropout float64 `json:",omitempty"`
	// Syntax makes attention between syntactic neighbours count in the loss of
	// masked training.
	Syntax *Syntax `json:",omitempty"`
	// Checkpoints are the steps whose weights are kept, rising; 0 is the
	// initial weights.
	Checkpoints []int
	LogEvery    int // steps between the loss curve's points
}

// Check reports the first setting that cannot be.
func (s Settings) Check() error {
	if err := s.Model.Check(); err != nil {
		return err
	}
	switch {
	case s.Model.BOS == nil && !s.Model.Encoder:
		return fmt.Errorf("training: the model has no token that begins a sequence")
	case s.Steps < 1 || s.Batch < 1 || s.LogEvery < 1 || s.WarmUp < 0 || s.WarmUp >= s.Steps:
		return fmt.Errorf("training: %d steps with a warm-up of %d, %d rows each, a point every %d steps: must be positive, and the warm-up shorter than the run",
			s.Steps, s.WarmUp, s.Batch, s.LogEvery)
	case s.LearningRate <= 0 || s.FinalRate < 0 || s.FinalRate > s.LearningRate:
		return fmt.Errorf("training: learning rate %g falling to %g", s.LearningRate, s.FinalRate)
	case s.Repeats < 0 || s.Repeats > 1:
		return fmt.Errorf("training: the share of repeated rows is %g; it must lie between 0 and 1", s.Repeats)
	case !(s.Dropout >= 0 && s.Dropout < 1):
		return fmt.Errorf("training: a dropout of %g; it must lie from 0 to below 1", s.Dropout)
	case !slices.IsSorted(s.Checkpoints) || len(s.Checkpoints) > 0 && (s.Checkpoints[0] < 0 || slices.Max(s.Checkpoints) > s.Steps):
		return fmt.Errorf("training: checkpoints %v must rise from 0 or more to at most %d", s.Checkpoints, s.Steps)
	}
	return nil
}

// checkText also checks what training on text and scoring heads need.
func (s Settings) checkText() error {
	switch {
	case s.Model.Context < 1+period*repeats:
		return fmt.Errorf("training: a context of %d is too short for the %d tokens on which heads are scored", s.Model.Context, 1+period*repeats)
	case s.Model.Vocab <= period:
		return fmt.Errorf("training: a vocabulary of %d is too small for %d different random tokens", s.Model.Vocab, period)
	}
	return s.Check()
}
