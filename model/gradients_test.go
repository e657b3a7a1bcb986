package model_test

import (
	"os"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// Gradients of several metrics in one run are those of one run each, at every
// activation, whether the metrics read logits, a norm or the middle of the
// model; and those of one activation are those of all activations in one run.
func TestGradientsOfEachMetric(t *testing.T) {
	m, err := model.Open(modeltest.Random(t, modeltest.Tiny, 5))
	if err != nil {
		t.Fatal(err)
	}
	rows := [][]int32{{1, 2, 3, 4}, {9, 8, 7}, {5, 5}}
	metrics := []model.Metric{
		model.LogitDiff(model.IDs(4, 7, 5), model.IDs(9)), model.NLL(),
		model.Linear(hook.ResidPost(0).At(-1), hook.Vec(2)), model.Linear(hook.LNFinalNormalized().At(1), hook.Vec(0.5)),
		model.Top1(model.IDs(3)), model.Linear(hook.Z(1).Head(1), hook.Vec(1)),
	}
	differentiable := []int{0, 5, 1, 2, 3} // in an order of their own
	base := model.Request{Rows: rows}
	places := append(points(t, m, 1), points(t, m, 0)...)
	if strings.HasPrefix(os.Getenv("GOLENS_BACKEND"), "xla") { // which compiles each graph for long
		places = []hook.Point{hook.LNFinalNormalized(), hook.Pattern(1), hook.Z(0)}
	}
	everywhere := base.Metric(metrics...).Grad(places...)
	everywhere.GradOf = differentiable
	atAll := run(t, m, everywhere)
	for _, p := range places {
		together := base.Metric(metrics...).Grad(p)
		together.GradOf = differentiable
		all := run(t, m, together)
		for _, i := range differentiable {
			if d := apart(atAll.GradOf(i, p), all.GradOf(i, p)); !(d <= near) {
				t.Errorf("%s, %s: differs by %g from a run with gradients everywhere", metrics[i], p, d)
			}
			one := run(t, m, base.Metric(metrics[i]).Grad(p))
			if d := apart(all.GradOf(i, p), one.Grad(p)); !(d <= near) {
				t.Errorf("%s, %s: differs by %g from a run of its own", metrics[i], p, d)
			}
		}
	}
	each := run(t, m, base.Metric(metrics[:3]...).GradEach(hook.ResidPre(0)))
	if len(each.Grads) != 3 || each.Row(1).GradOf(2, hook.ResidPre(0)).Err() != nil {
		t.Errorf("GradEach of 3 metrics gave %d gradients: %v", len(each.Grads), each)
	}
	if err := each.GradOf(3, hook.ResidPre(0)).Err(); err == nil || !strings.Contains(err.Error(), "metric 3") {
		t.Errorf("a gradient that was not asked for: %v", err)
	}
}

func TestGradientsOfWrongMetrics(t *testing.T) {
	m := open(t)
	base := model.Request{Rows: [][]int32{{1, 2}}}.Metric(model.LogProbOf(3), model.Top1(model.IDs(3)))
	for want, r := range map[string]model.Request{
		"no gradient":   base.GradEach(hook.Z(0)),
		"2 metrics":     {Rows: base.Rows, Metrics: base.Metrics, Grads: []hook.Point{hook.Z(0)}, GradOf: []int{2}},
		"twice":         {Rows: base.Rows, Metrics: base.Metrics, Grads: []hook.Point{hook.Z(0)}, GradOf: []int{0, 0}},
		"nowhere":       {Rows: base.Rows, Metrics: base.Metrics, GradOf: []int{0}},
		"need a metric": model.Request{Rows: base.Rows}.Grad(hook.Z(0)),
	} {
		if _, err := m.Run(r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}
