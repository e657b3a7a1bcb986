package model

import (
	"errors"
	"fmt"
	"slices"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/formula"
)

// EdgeMask is shares of edges that are cut while a fit looks for tensors: masks of
// subnetwork probing, edge pruning and the like.
type EdgeMask struct {
	// Cut is a formula of tensors alone, [receiver, sender] in the order of
	// [Model.Edges], between 0 and 1. What is no edge does not matter.
	Cut formula.Expr

	Reference Reference `json:",omitzero"`
}

// check checks a fit's mask against its base, encode as in Request.job.
func (e *EdgeMask) check(c config.Config, t *fitting, encode func(string) ([]int32, error)) error {
	if len(t.Base.Edits)+len(t.below) > 0 || t.Source.Rows != nil {
		return errors.New("a fit of edges has no edits and no source of its own, but a reference")
	}
	metrics := 0
	for _, l := range t.Loss {
		if len(l.Penalty.Steps) == 0 {
			metrics++
		}
	}
	if metrics != 1 {
		return fmt.Errorf("%d metrics in the loss; a fit of edges has one, beside penalties", metrics)
	}
	g, err := edge.Of(c)
	if err != nil {
		return err
	}
	if readsActivations(e.Cut) {
		return errors.New("cut: it is a formula of tensors alone")
	}
	dims, err := e.Cut.Check(formula.Shapes{Free: true})
	if err != nil {
		return fmt.Errorf("cut: %w", err)
	}
	if want := []int{len(g.Receivers), len(g.Senders)}; !slices.Equal(dims, want) {
		return fmt.Errorf("cut: it has shape %v; [receiver, sender] is %v", formula.Dims(dims), want)
	}
	base := t.Base
	base.Metrics = known(base.Metrics)
	_, err = e.Reference.job(c, base, encode)
	return err
}

// known are metrics with others of the whole vocabulary in place of divergences whose
// reference comes with each step.
func known(metrics []Metric) []Metric {
	metrics = slices.Clone(metrics)
	for i, m := range metrics {
		if m.Kind == KindKL && m.Reference == nil {
			metrics[i] = LogProbOf(0).In(m.At)
		}
	}
	return metrics
}

// readsActivations tells whether a formula has more than tensors.
func readsActivations(f formula.Expr) bool {
	return slices.ContainsFunc([]formula.Op{formula.OpHere, formula.OpBase, formula.OpSource, formula.OpAt}, f.Has)
}

// pick is the reference of some rows of the base.
func (f Reference) pick(rows []int) Reference {
	switch {
	case f.Source.Rows == nil || f.Mean:
	case f.Donors != nil:
		donors := make([]int, len(rows))
		for i, row := range rows {
			donors[i] = f.Donors[row]
		}
		f.Donors = donors
	default:
		f.Source = f.Source.pick(rows)
	}
	return f
}
