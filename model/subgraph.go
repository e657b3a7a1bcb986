package model

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/hook"
)

// Subgraphs are runs of one batch in which edges of the residual stream are cut:
// each receiver v reads
//
//	stream(v) - Σ cut(u,v) (u - u')
//
// where u is what a sender writes in this run and u' what it writes in a
// reference run. With every edge cut the model computes what it computes in the
// reference; with none, what it computes by itself.
//
// A head's part of a layer whose output is normalized (Gemma 2 and 3, OLMo 2) is
// its result over the norm's scale, each run with its own.
//
// It costs about a pass and a third of each variant from the first layer on in
// which a receiver lacks something; what lies below is the base run's. Source: the
// subgraph runs of Conmy et al. 2023 and Hanna et al. 2024.
type Subgraphs struct {
	// Base is the batch and the metrics of logits that are read of every variant.
	Base Request

	// Source, if it has rows, is the reference run, with its edits. Without rows
	// the reference is that nothing is written.
	Source Request `json:",omitzero"`

	// Donors are, for each row of the base, the row of the source that it takes
	// from, of as many tokens; nil means the row of the same number.
	Donors []int `json:",omitempty"`

	// Mean makes the reference the mean of what is written over the source's rows,
	// at each position of those that have it.
	Mean bool `json:",omitempty"`

	// WholeEmbedding makes the first sender all that enters the first block; else
	// it is the embedding of the token, and that of the position is never cut.
	// Where the sum of the two is normalized it is always whole.
	WholeEmbedding bool `json:",omitempty"`

	// Cuts are the variants. Rows of shares are those of Base.
	Cuts []edge.Cut

	// Budget bounds the bytes that are held, beside the weights; 0 means 4 GiB.
	Budget int64 `json:",omitempty"`
}

// A SubgraphResult is what [Subgraphs] gave.
type SubgraphResult struct {
	// Base are the metrics of the model itself, in the order of the base request,
	// each [batch].
	Base []*array.Array
	// Metrics are those of the variants, each [variant, batch].
	Metrics []*array.Array

	Plan SubgraphPlan // how it was run
	Provenance
}

// Metric is the mean over rows of the i-th metric of every variant [variant].
func (r *SubgraphResult) Metric(i int) *array.Array { return r.PerRow(i).Mean(hook.Batch) }

// PerRow is the i-th metric of every variant and row [variant, batch].
func (r *SubgraphResult) PerRow(i int) *array.Array {
	if i < 0 || i >= len(r.Metrics) {
		return array.Failed(fmt.Errorf("subgraph result: metric %d of %d", i, len(r.Metrics)))
	}
	return r.Metrics[i]
}

// String says how it was run.
func (r *SubgraphResult) String() string {
	var b strings.Builder
	for i, m := range r.Metrics {
		fmt.Fprintf(&b, "%s of %d subgraphs of %d rows; the model %.4g\n", m.Title(), m.Dim(hook.Variant), m.Dim(hook.Batch), r.Base[i].Mean(hook.Batch).Scalar())
	}
	fmt.Fprintf(&b, "%s\n%s", r.Plan, r.Provenance)
	return b.String()
}

// A SubgraphPlan is how subgraphs are run and what that costs. FLOPs count the
// multiplications and additions of matrix products.
type SubgraphPlan struct {
	Variants   int
	Rows, Same int   // rows of variants that run, and that are the base run's
	Starts     []int // variants by the first layer in which a receiver lacks something; the last are those that change the final stream alone

	RowsPerCall, VariantsPerCall, Calls int

	FLOPs  int64 // of the variants
	Base   int64 // of the base and the reference run
	Naive  int64 // of one full pass for each variant
	Memory int64 // bytes at the peak, beside the weights
}

// String is two lines.
func (p SubgraphPlan) String() string {
	var starts []string
	for l, n := range p.Starts {
		if n > 0 {
			starts = append(starts, fmt.Sprintf("%d from layer %d", n, l))
		}
	}
	return fmt.Sprintf("%d subgraphs: %d rows to run, %d left as they are; %s; %d calls of %d rows x %d subgraphs\n%.4g GFLOP with %.4g of the base and the reference; a full pass for each would be %.4g; %.1f MB at the peak",
		p.Variants, p.Rows, p.Same, strings.Join(starts, ", "), p.Calls, p.RowsPerCall, p.VariantsPerCall,
		float64(p.FLOPs+p.Base)/1e9, float64(p.Base)/1e9, float64(p.Naive)/1e9, float64(p.Memory)/1e6)
}

// Edges is the graph of the model's edges, whose senders and receivers [edge.Cut]
// counts.
func (m *Model) Edges() (*edge.Graph, error) { return edge.Of(m.Config()) }

// Subgraphs runs the model without some of its edges. Nothing runs if any part of
// it is wrong.
func (m *Model) Subgraphs(s Subgraphs) (*SubgraphResult, error) {
	return m.SubgraphsContext(context.Background(), s)
}

// SubgraphsContext is [Model.Subgraphs] that stops when the context ends.
func (m *Model) SubgraphsContext(ctx context.Context, s Subgraphs) (*SubgraphResult, error) {
	if err := s.check(m.Config()); err != nil {
		return nil, err
	}
	return m.runner.(*local).subgraphs(ctx, s)
}

// check finds what is wrong, as far as the config tells.
func (s Subgraphs) check(c config.Config) error {
	g, err := edge.Of(c)
	if err != nil {
		return fmt.Errorf("subgraphs: %w", err)
	}
	if err := s.Base.check(); err != nil {
		return fmt.Errorf("subgraphs: %w", err)
	}
	if err := s.Source.check(); err != nil && !(errors.Is(err, errNoRows) && s.Source.Rows == nil) {
		return fmt.Errorf("subgraphs: source: %w", err)
	}
	switch {
	case len(s.Cuts) == 0:
		return errors.New("subgraphs: no cuts; give at least one")
	case len(s.Base.Metrics) == 0:
		return errors.New("subgraphs: nothing is read; give the base a metric")
	case len(s.Base.Edits)+len(s.Base.Captures)+len(s.Base.Grads) > 0 || len(s.Source.Captures)+len(s.Source.Metrics)+len(s.Source.Grads) > 0:
		return errors.New("subgraphs: the base takes metrics alone, the source edits alone; captures and gradients are those of a run")
	case s.Mean && s.Source.Rows == nil:
		return errors.New("subgraphs: a mean over the rows of the source, but the source has none")
	case s.Mean && s.Donors != nil:
		return errors.New("subgraphs: a mean is over all rows of the source; leave the donors out")
	case s.Base.Mask != nil || s.Source.Mask != nil:
		return errors.New("subgraphs: padded rows; give rows of their own lengths instead")
	}
	for _, r := range []Request{s.Base, s.Source} {
		if r.From != 0 || r.Until != 0 || r.Resid != nil {
			return errors.New("subgraphs: the base and the source run from the embedding to the end; leave From, Resid and Until out")
		}
	}
	longest := 0
	for _, row := range s.Base.Rows {
		longest = max(longest, len(row))
	}
	for _, m := range s.Base.Metrics {
		if m.Kind == KindLinear {
			return errors.New("subgraphs: metrics are of logits; one that is linear in an activation is not read here")
		}
	}
	for i, cut := range s.Cuts {
		if err := g.Check(cut, len(s.Base.Rows), longest); err != nil {
			return fmt.Errorf("subgraphs: cut %d %s: %w", i, cut.Name, err)
		}
	}
	return s.pairs(longest)
}

// pairs checks that each row has one to take from.
func (s Subgraphs) pairs(longest int) error {
	if s.Source.Rows == nil {
		return nil
	}
	if s.Mean {
		n := 0
		for _, row := range s.Source.Rows {
			n = max(n, len(row))
		}
		if n < longest {
			return fmt.Errorf("subgraphs: the longest row of the source has %d tokens, that of the base %d; no mean exists beyond", n, longest)
		}
		return nil
	}
	if s.Donors == nil {
		return sameLengths(s.Base.Rows, s.Source.Rows)
	}
	return donorsOf(s.Donors, s.Base.Rows, s.Source.Rows)
}

// longestOf is cut to the base's positions where a mean has more.
func (s Subgraphs) sourceRows(longest int) [][]int32 {
	if !s.Mean {
		return s.Source.Rows
	}
	rows := slices.Clone(s.Source.Rows)
	for i, row := range rows {
		rows[i] = row[:min(len(row), longest)]
	}
	return rows
}
