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

	Reference Reference `json:",omitzero"`

	// Cuts are the variants. Rows of shares are those of Base.
	Cuts []edge.Cut

	// Budget bounds the bytes that are held, beside the weights; 0 means 4 GiB.
	Budget int64 `json:",omitempty"`
}

// A Reference says what takes the place of what a sender writes where its edge is
// cut. The zero value is nothing: zeros.
type Reference struct {
	// Source, if it has rows, is the reference run, with its edits.
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
	g, err := s.Reference.check(c, s.Base)
	if err != nil {
		return fmt.Errorf("subgraphs: %w", err)
	}
	if len(s.Cuts) == 0 {
		return errors.New("subgraphs: no cuts; give at least one")
	}
	for i, cut := range s.Cuts {
		if err := g.Check(cut, len(s.Base.Rows), longest(s.Base.Rows)); err != nil {
			return fmt.Errorf("subgraphs: cut %d %s: %w", i, cut.Name, err)
		}
	}
	return nil
}

// check finds what is wrong with a reference for a base, and gives the edges.
func (f Reference) check(c config.Config, base Request) (*edge.Graph, error) {
	g, err := edge.Of(c)
	if err != nil {
		return nil, err
	}
	if err := base.check(); err != nil {
		return nil, err
	}
	if err := f.Source.check(); err != nil && !(errors.Is(err, errNoRows) && f.Source.Rows == nil) {
		return nil, fmt.Errorf("source: %w", err)
	}
	switch {
	case len(base.Metrics) == 0:
		return nil, errors.New("nothing is read; give the base a metric")
	case len(base.Edits)+len(base.Captures)+len(base.Grads) > 0 || len(f.Source.Captures)+len(f.Source.Metrics)+len(f.Source.Grads) > 0:
		return nil, errors.New("the base takes metrics alone, the source edits alone; captures and gradients are those of a run")
	case f.Mean && f.Source.Rows == nil:
		return nil, errors.New("a mean over the rows of the source, but the source has none")
	case f.Mean && f.Donors != nil:
		return nil, errors.New("a mean is over all rows of the source; leave the donors out")
	case base.Mask != nil || f.Source.Mask != nil:
		return nil, errors.New("padded rows; give rows of their own lengths instead")
	}
	for _, r := range []Request{base, f.Source} {
		if r.From != 0 || r.Until != 0 || r.Resid != nil {
			return nil, errors.New("the base and the source run from the embedding to the end; leave From, Resid and Until out")
		}
	}
	for _, m := range base.Metrics {
		if m.Kind == KindLinear {
			return nil, errors.New("metrics are of logits; one that is linear in an activation is not read here")
		}
	}
	return g, f.pairs(base.Rows)
}

// pairs checks that each row has one to take from.
func (f Reference) pairs(rows [][]int32) error {
	switch {
	case f.Source.Rows == nil:
		return nil
	case f.Mean:
		if have, want := longest(f.Source.Rows), longest(rows); have < want {
			return fmt.Errorf("the longest row of the source has %d tokens, that of the base %d; no mean exists beyond", have, want)
		}
		return nil
	case f.Donors != nil:
		return donorsOf(f.Donors, rows, f.Source.Rows)
	}
	return sameLengths(rows, f.Source.Rows)
}

// rows are the source's, as far as a base of so many positions reads them.
func (f Reference) rows(longest int) [][]int32 {
	if !f.Mean {
		return f.Source.Rows
	}
	rows := slices.Clone(f.Source.Rows)
	for i, row := range rows {
		rows[i] = row[:min(len(row), longest)]
	}
	return rows
}

func longest(rows [][]int32) int {
	n := 0
	for _, row := range rows {
		n = max(n, len(row))
	}
	return n
}
