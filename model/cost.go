package model

import (
	"context"
	"fmt"

	"github.com/golens/golens/model/config"
)

// ExplainRun asks what a request would cost, without running it. The answer is a
// [Cost].
type ExplainRun struct{ Request Request }

// ExplainTally asks what a tally would cost, without running it. Kept are the states; if
// Of says that the corpus has more rows than these, they are held twice, as a walk merges
// what its parts give. The answer is a [Cost].
type ExplainTally struct{ Tally Tally }

// ExplainGeneration asks what a generation would cost, without running it, if no row ends
// before it has all of its tokens. The answer is a [Cost].
type ExplainGeneration struct{ Generation Generation }

// A Cost is what a request takes. FLOPs count the multiplications and additions of
// matrix products, those of formulas among them, padding included.
type Cost struct {
	Rows   int   // of the batch
	Chunks int   // pieces in which they run
	Blocks int   // that run
	FLOPs  int64 // of the pass, and of the way back if gradients are taken
	Kept   int64 // bytes of captures and gradients, which are given back
	Memory int64 // bytes at the peak, those included, beside the weights

	Weights int64 // bytes of weights that are float32 in memory now
	Coming  int64 // bytes of weights held as published that become float32 when it runs, and leave when the model rests
}

func init() {
	asks[ExplainRun, *Cost]()
	asks[ExplainTally, *Cost]()
	asks[ExplainGeneration, *Cost]()
}

// Verb implements [Ask].
func (ExplainRun) Verb() string { return "cost" }

func (e ExplainRun) check(c config.Config) error { return e.Request.check(c) }

// Verb implements [Ask].
func (ExplainTally) Verb() string { return "cost of a tally" }

func (e ExplainTally) check(c config.Config) error { return e.Tally.check(c) }

// Verb implements [Ask].
func (ExplainGeneration) Verb() string { return "cost of a generation" }

func (e ExplainGeneration) check(c config.Config) error { return e.Generation.check(c) }

// ExplainRun is what a request would cost, without running it.
func (m *Model) ExplainRun(r Request) (*Cost, error) {
	return do[*Cost](context.Background(), m, ExplainRun{r})
}

// ExplainTally is what a tally would cost, without running it.
func (m *Model) ExplainTally(t Tally) (*Cost, error) {
	return do[*Cost](context.Background(), m, ExplainTally{t})
}

// ExplainGeneration is what a generation would cost, without running it.
func (m *Model) ExplainGeneration(g Generation) (*Cost, error) {
	return do[*Cost](context.Background(), m, ExplainGeneration{g})
}

// String is one line.
func (c Cost) String() string {
	s := fmt.Sprintf("%d rows in %d chunks through %d blocks: %.4g GFLOP; %.1f MB at the peak, %.1f MB of it given back; %.1f MB of weights",
		c.Rows, c.Chunks, c.Blocks, float64(c.FLOPs)/1e9, float64(c.Memory)/1e6, float64(c.Kept)/1e6, float64(c.Weights)/1e6)
	if c.Coming > 0 {
		s += fmt.Sprintf(", and %.1f MB of these to come", float64(c.Coming)/1e6)
	}
	return s
}
