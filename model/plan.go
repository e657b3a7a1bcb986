package model

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/golens/golens/model/config"
)

// Explain asks how a sweep would be run and what it would cost, without running
// it. The answer is a [Plan].
type Explain struct{ Sweep Sweep }

func init() { asks[Explain, *Plan]() }

// Verb implements [Ask].
func (Explain) Verb() string { return "explain" }

func (e Explain) check(c config.Config) error { return e.Sweep.check(c) }

// Explain is how a sweep would be run and what it would cost, without running
// it.
func (m *Model) Explain(s Sweep) (*Plan, error) {
	return do[*Plan](context.Background(), m, Explain{s})
}

// A Plan is how a sweep is run and what that costs. FLOPs count the
// multiplications and additions of matrix products, those of formulas among them,
// padding included.
type Plan struct {
	Variants int
	Rows     int // of variants, that are run
	Same     int // rows that their variants leave as they are: the base run is the answer

	Groups []PlanGroup // of rows that start at the same place, in the order of running

	FLOPs  int64 // of the variants' runs
	Base   int64 // FLOPs of the base and source runs
	Naive  int64 // FLOPs of one full pass per variant, with the logits that the metrics read
	Memory int64 // bytes at the peak, beside the weights

	// Of a sweep that is dealt to a cluster: the pieces in which it goes, and about
	// how many bytes travel, of what is asked and of results.
	Messages int   `json:",omitempty"`
	Bytes    int64 `json:",omitempty"`
}

// A PlanGroup is the rows of a sweep that start at the same layer and position.
type PlanGroup struct {
	Layer    int    // first block that runs; the number of layers means the unembedding alone
	Start    string // activation that the rows start from
	Position int    // first position that runs
	Variants int
	Rows     int
	Chunks   int // calls of each graph
	FLOPs    int64
	Memory   int64 // bytes at the peak of one chunk
}

// Share is the cost of the sweep over the cost of one full pass per variant.
func (p Plan) Share() float64 {
	if p.Naive == 0 {
		return 0
	}
	return float64(p.FLOPs+p.Base) / float64(p.Naive)
}

// String is an aligned table, one line for each group.
func (p Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d variants: %d rows to run, %d left as they are\n", p.Variants, p.Rows, p.Same)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "layer\tfrom\tposition\tvariants\trows\tchunks\tGFLOP\tMB\t")
	for _, g := range p.Groups {
		fmt.Fprintf(w, "%d\t%s\t%d\t%d\t%d\t%d\t%.3g\t%.1f\t\n", g.Layer, g.Start, g.Position, g.Variants, g.Rows, g.Chunks,
			float64(g.FLOPs)/1e9, float64(g.Memory)/1e6)
	}
	_ = w.Flush() // a strings.Builder takes everything
	fmt.Fprintf(&b, "%.4g GFLOP with %.4g of the base, %.1f%% of %.4g for a full pass per variant; %.1f MB at the peak",
		float64(p.FLOPs+p.Base)/1e9, float64(p.Base)/1e9, 100*p.Share(), float64(p.Naive)/1e9, float64(p.Memory)/1e6)
	if p.Messages > 0 {
		fmt.Fprintf(&b, "\ndealt in %d messages; about %.1f MB travel", p.Messages, float64(p.Bytes)/1e6)
	}
	return b.String()
}
