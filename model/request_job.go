package model

import (
	"fmt"
	"slices"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/plan"
)

// job checks a request and resolves it. left is how much padding stood before
// each row. encode tokenizes a metric's texts; without it they are left for who
// has the tokenizer to check.
func (r Request) job(c config.Config, encode func(text string) ([]int32, error)) (job plan.Job, left []int, err error) {
	fail := func(err error) (plan.Job, []int, error) { return plan.Job{}, nil, err }
	if r.err != nil {
		return fail(r.err)
	}
	rows, left, err := strip(r)
	if err != nil {
		return fail(err)
	}
	k, err := newChecker(c, rows)
	if err != nil {
		return fail(err)
	}
	k.encode = encode
	var shapes [][]int
	kept := slices.Clone(r.Captures)
	for range r.gradOf() {
		kept = append(kept, r.Grads...)
	}
	for _, p := range kept {
		if err := k.point(p); err != nil {
			return fail(err)
		}
		shapes = append(shapes, k.Selected(p, len(k.lens), slices.Max(k.lens)))
	}
	if err := within(r.Budget, shapes, "Request.Budget"); err != nil {
		return fail(fmt.Errorf("request: %w", err))
	}
	for _, e := range r.Edits {
		if err := k.edit(e); err != nil {
			return fail(err)
		}
	}
	job = plan.Job{Tokens: rows, Captures: r.Captures, Edits: r.Edits, From: r.From, Resid: r.Resid, Grads: r.Grads, GradOf: r.gradOf()}
	for _, m := range r.Metrics {
		o, err := k.objective(m, rows)
		if err != nil {
			return fail(err)
		}
		job.Metrics = append(job.Metrics, o)
	}
	if job.Until, err = k.span(r); err != nil {
		return fail(err)
	}
	return job, left, k.gradients(r)
}
