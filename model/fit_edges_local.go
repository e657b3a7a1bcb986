//go:build !golens_cell

package model

import (
	"context"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/internal/exec"
)

// bySharesName is the tensor of a fit of edges that the gradient by shares is given as.
const bySharesName = "gradient by shares"

// cutEdges is the mean of the metric of some rows with edges cut by the mask, and its
// gradient by each tensor to be found.
func (s *steps) cutEdges(ctx context.Context, r Request, rows []int) (value float64, grads [][]float64, err error) {
	job, err := s.Edges.Reference.pick(rows).job(s.config, r.withoutGradients(), s.encode)
	if err != nil {
		return 0, nil, err
	}
	job.Base.GradOf = []int{0}
	R, S := len(job.Graph.Receivers), len(job.Graph.Senders)
	share, err := s.engine.Evaluate(s.Edges.Cut, s.given)
	if err != nil {
		return 0, nil, err
	}
	p, _, err := s.engine.PlanEdges(job)
	if err != nil {
		return 0, nil, err
	}
	out, err := s.engine.Scores(ctx, exec.ScoreJob{Edges: p, Shares: []edge.Cut{
		{Share: array.Of(share, array.Dim("receiver", R), array.Dim("sender", S))}}})
	if err != nil {
		return 0, nil, err
	}
	by := make([]float32, R*S)
	for i, v := range out.Scores {
		by[i%len(by)] += v / float32(len(rows))
	}
	for _, v := range out.Cuts[0] {
		value += v / float64(len(rows))
	}
	if err := s.given.Give(s.engine, bySharesName, []int{R, S}, by); err != nil {
		return 0, nil, err
	}
	// The gradient by tensors is that of the shares' sum with these weights.
	_, grads, err = s.engine.Penalty(s.Edges.Cut.Mul(formula.Free(bySharesName, R, S)), s.given, s.names)
	return value, grads, err
}

// withoutGradients is the request without what only a run's way back asks for.
func (r Request) withoutGradients() Request {
	r.GradOf, r.Weigh = nil, nil
	return r
}
