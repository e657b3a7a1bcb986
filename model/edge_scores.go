package model

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/plan"
)

// EdgeScores estimates for every edge of the residual stream, at once, how much a
// metric changes if the edge is cut: what the sender writes in the reference less
// what it writes in the base run, times the gradient of the metric at the receiver,
// summed over positions and coordinates.
//
// With no Runs that is edge attribution patching, of two passes and one way back;
// each run adds a pass and a way back, both of what lies above its first edit. In time it
// is 1.3 times that, see BENCHMARKS.md: the gradient at what each head reads is written
// out, and multiplied with what each sender writes. Runs go through the blocks together,
// and are added up before that. [Model.ExplainEdgeScores] counts it beforehand. It is exact where the
// metric is linear in what the receiver reads, and misses what two edges do only
// together.
// Sources: Syed et al. 2023 (EAP), Hanna et al. 2024 (EAP-IG).
type EdgeScores struct {
	// Base is the batch; the first of its metrics is scored.
	Base Request

	Reference Reference `json:",omitzero"`

	// Runs are edits of the base run: the gradient is the mean over these runs. Nil
	// means the base run itself. What an edit replaces passes no gradient on, and what
	// a formula computes the formula's; formulas read activations of their own block.
	Runs [][]hook.Edit `json:",omitempty"`

	// Shares, in place of Runs, are subgraphs: the scores are the mean over them of the
	// metric's derivative by the share of each edge that is cut. With nothing cut that
	// is edge attribution patching; between nothing and all, an integrated gradient
	// over masks.
	Shares []edge.Cut `json:",omitempty"`

	// ByPosition keeps the positions apart.
	ByPosition bool `json:",omitempty"`

	// Budget bounds the bytes that are held, beside the weights; 0 means 4 GiB.
	Budget int64 `json:",omitempty"`
}

// EdgeScoresResult is what [EdgeScores] gave. Negative scores say that cutting the
// edge lowers the metric.
type EdgeScoresResult struct {
	// PerRow are the scores of each row [batch, receiver, sender], or [batch, pos,
	// receiver, sender], in the order of [Model.Edges]; 0 where a receiver reads
	// before the sender writes, and past the end of a row.
	PerRow *array.Array
	// Base is the metric of the base run [batch]; with Shares there is none.
	Base *array.Array
	// Cut is the metric of each of Shares [variant, batch].
	Cut *array.Array

	Provenance
}

// Scores are the means over rows: the estimated change of the mean of the metric.
func (r *EdgeScoresResult) Scores() *array.Array { return r.PerRow.Mean(hook.Batch) }

// String says what was scored.
func (r *EdgeScoresResult) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "scores %v, %s", r.PerRow.Shape(), r.PerRow.Title())
	if r.Base != nil {
		fmt.Fprintf(&b, ", %.4g without a cut", r.Base.Mean(hook.Batch).Scalar())
	}
	fmt.Fprintf(&b, "\n%s", r.Provenance)
	return b.String()
}

// EdgeScores scores all edges. Nothing runs if any part of it is wrong.
func (m *Model) EdgeScores(s EdgeScores) (*EdgeScoresResult, error) {
	return m.EdgeScoresContext(context.Background(), s)
}

// EdgeScoresContext is [Model.EdgeScores] that stops when the context ends.
func (m *Model) EdgeScoresContext(ctx context.Context, s EdgeScores) (*EdgeScoresResult, error) {
	return do[*EdgeScoresResult](ctx, m, s)
}

// ExplainEdgeScores asks what the scores of all edges would cost, without running
// anything. Kept are the scores of all rows. The answer is a [Cost].
type ExplainEdgeScores struct{ Scores EdgeScores }

// ExplainEdgeScores is what the scores of all edges would cost, without running
// anything.
func (m *Model) ExplainEdgeScores(s EdgeScores) (*Cost, error) {
	return do[*Cost](context.Background(), m, ExplainEdgeScores{s})
}

func init() {
	asks[EdgeScores, *EdgeScoresResult]()
	asks[ExplainEdgeScores, *Cost]()
}

// Verb implements [Ask].
func (ExplainEdgeScores) Verb() string { return "cost of edge scores" }

func (e ExplainEdgeScores) check(c config.Config) error { return e.Scores.check(c) }

// Verb implements [Ask].
func (EdgeScores) Verb() string { return "edge scores" }

func (s EdgeScores) check(c config.Config) error {
	_, err := s.job(c, nil)
	return err
}

// job checks edge scores and resolves them, encode as in Request.job.
func (s EdgeScores) job(c config.Config, encode func(text string) ([]int32, error)) (job plan.EdgeJob, err error) {
	base := s.Base
	if len(base.Metrics) > 0 {
		base.Metrics = base.Metrics[:1]
		if m := base.Metrics[0]; !m.differentiable() {
			return job, fmt.Errorf("edge scores: the metric %s has no gradient; take the logit difference or a log probability", m)
		}
	}
	if job, err = s.Reference.job(c, base, encode); err != nil {
		return job, fmt.Errorf("edge scores: %w", err)
	}
	job.Base.GradOf = []int{0}
	job.Budget, job.Scores = s.Budget, s.Shares == nil
	k, err := newChecker(c, job.Base.Tokens)
	if err != nil {
		return job, fmt.Errorf("edge scores: %w", err)
	}
	if s.Runs != nil && s.Shares != nil {
		return job, errors.New("edge scores: give runs or shares, not both")
	}
	for i, cut := range s.Shares {
		if err := job.Graph.Check(cut, len(s.Base.Rows), longest(s.Base.Rows)); err != nil {
			return job, fmt.Errorf("edge scores: share %d %s: %w", i, cut.Name, err)
		}
	}
	for i, edits := range s.Runs {
		for _, e := range edits {
			if e.Op == hook.OpSource || e.Op == hook.OpFreeze {
				return job, fmt.Errorf("edge scores: run %d: edit %s: values of another run are given here as values", i, e)
			}
			if err := k.edit(e); err != nil {
				return job, fmt.Errorf("edge scores: run %d: %w", i, err)
			}
			if err := ofOneBlock(e); err != nil {
				return job, fmt.Errorf("edge scores: run %d: edit %s: %w", i, e.Point, err)
			}
		}
	}
	return job, nil
}

// ofOneBlock checks that the formula of an edit, if it has one, reads activations of
// its own block alone.
func ofOneBlock(e hook.Edit) error {
	if e.Op != hook.OpCompute {
		return nil
	}
	if len(e.Formula.Tensors()) > 0 || e.Formula.Has(formula.OpBase) || e.Formula.Has(formula.OpSource) {
		return errors.New("formulas of these runs read activations alone, no tensors and no other run; give values")
	}
	for _, name := range e.Formula.Activations() {
		if p, err := hook.Parse(name); err != nil || p.Layer != e.Layer || p.Kind.Global() != e.Kind.Global() {
			return fmt.Errorf("it reads %s of another block", name)
		}
	}
	return nil
}
