package model

import (
	"context"
	"fmt"

	"github.com/golens/golens/model/config"
)

// ExplainFit asks what a fit would cost, without running it. The answer is a [FitCost].
type ExplainFit struct{ Fit Fit }

// A FitCost is what a fit takes. FLOPs count as in [Cost].
type FitCost struct {
	Rows   int   // of a step
	Blocks int   // that a step runs, from the lowest formula on
	FLOPs  int64 // of a step, there and back
	Below  int64 // FLOPs of what lies below, for all rows once, or, if it is not kept, in every step
	Kept   int64 // bytes of what lies below, which stay; 0 if there is no room for all of it
	Memory int64 // bytes at the peak, those included, beside the weights
	Steps  int
}

func init() { asks[ExplainFit, *FitCost]() }

// Verb implements [Ask].
func (ExplainFit) Verb() string { return "cost of a fit" }

func (e ExplainFit) check(c config.Config) error { return e.Fit.check(c) }

// ExplainFit is what a fit would cost, without running it.
func (m *Model) ExplainFit(f Fit) (*FitCost, error) {
	return do[*FitCost](context.Background(), m, ExplainFit{f})
}

// Total is the FLOPs of all steps and of what lies below.
func (c FitCost) Total() int64 {
	below := c.Below
	if c.Kept == 0 {
		below *= int64(c.Steps)
	}
	return below + int64(c.Steps)*c.FLOPs
}

// String is one line.
func (c FitCost) String() string {
	often := "once"
	if c.Kept == 0 {
		often = "in every step"
	}
	return fmt.Sprintf("%d steps of %d rows through %d blocks: %.4g GFLOP each, and %.4g %s for what lies below; %.1f MB at the peak, %.1f MB of it kept",
		c.Steps, c.Rows, c.Blocks, float64(c.FLOPs)/1e9, float64(c.Below)/1e9, often, float64(c.Memory)/1e6, float64(c.Kept)/1e6)
}
