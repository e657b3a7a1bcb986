package model

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/plan"
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
// A variant runs from the first layer on in which a receiver lacks something; what
// lies below is the base run's. That is about a third more operations than a pass,
// which [Model.ExplainSubgraphs] counts; in time it is more, see BENCHMARKS.md. What
// the base and the reference run wrote is kept for the next subgraphs of the same, up
// to 512 MB.
// Source: the subgraph runs of Conmy et al. 2023 and Hanna et al. 2024.
type Subgraphs struct {
	// Base is the batch and the metrics of logits that are read of every variant.
	Base Request

	Reference Reference `json:",omitzero"`

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
	return do[*SubgraphResult](ctx, m, s)
}

// ExplainSubgraphs is how subgraphs would be run and what that would cost, without
// running them.
func (m *Model) ExplainSubgraphs(s Subgraphs) (*SubgraphPlan, error) {
	return do[*SubgraphPlan](context.Background(), m, explainSubgraphs{s})
}

type explainSubgraphs struct{ Subgraphs Subgraphs }

func init() {
	asks[Subgraphs, *SubgraphResult]()
	asks[explainSubgraphs, *SubgraphPlan]()
}

// Verb implements [Ask].
func (Subgraphs) Verb() string { return "subgraphs" }

// Verb implements [Ask].
func (explainSubgraphs) Verb() string { return "explain subgraphs" }

func (s Subgraphs) check(c config.Config) error {
	_, err := s.job(c, nil)
	return err
}

func (e explainSubgraphs) check(c config.Config) error { return e.Subgraphs.check(c) }

// job checks subgraphs and resolves them, encode as in Request.job.
func (s Subgraphs) job(c config.Config, encode func(text string) ([]int32, error)) (job plan.EdgeJob, err error) {
	if job, err = s.Reference.job(c, s.Base, encode); err != nil {
		return job, fmt.Errorf("subgraphs: %w", err)
	}
	if len(s.Cuts) == 0 {
		return job, errors.New("subgraphs: no cuts; give at least one")
	}
	for i, cut := range s.Cuts {
		if err := job.Graph.Check(cut, len(s.Base.Rows), longest(s.Base.Rows)); err != nil {
			return job, fmt.Errorf("subgraphs: cut %d %s: %w", i, cut.Name, err)
		}
	}
	job.Cuts, job.Budget = s.Cuts, s.Budget
	return job, nil
}
