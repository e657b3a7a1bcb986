package patch_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/patch"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

func TestEffectsPrintAsTheyAre(t *testing.T) {
	m := open(t, "zoo:induction")
	clean, corrupted := m.Rows([][]int32{{0, 5, 6, 7, 5}}), m.Rows([][]int32{{0, 35, 6, 7, 5}})
	metric := model.LogProbOf(6)
	table := must(patch.Residual(m, pairs(clean, corrupted, metric)))(t)
	_, tokens := table.Axis(1)
	if want := clean.Labels[0]; !slices.Equal(tokens, want) {
		t.Errorf("positions are called %q, want %q", tokens, want)
	}
	cube := must(patch.HeadsByPosition(m, pairs(clean, corrupted, metric)))(t)
	for _, c := range []struct {
		text string
		want []string
	}{
		{table.String(), []string{"log probability", "clean resid_pre put back", "0 is the corrupted run, 1 the clean run", "weights", "request"}},
		{cube.String(), []string{"0.0", "1.1", "[2 5 3]"}},
		{must(cube.Strongest(2, interp.Bootstrap{}))(t), []string{"1.1", "[", "]"}},
		{table.Plans.String(), []string{"variants", "GFLOP"}},
		{must(patch.Paths{Receivers: []hook.Point{hook.K(1).Head(1)}}.Explain(m, pairs(clean, corrupted, metric)))(t).String(), []string{"and then"}},
		{patch.Plans(make([]model.Plan, 5)).String(), []string{"and 4 more sweeps like it"}},
		{must(patch.Attribution{}.Check(m, pairs(clean, corrupted, metric)))(t).String(), []string{"correlation", "worst", "estimate", "exact"}},
	} {
		for _, want := range c.want {
			if !strings.Contains(c.text, want) {
				t.Errorf("no %q in\n%s", want, c.text)
			}
		}
	}
}

// Every verb's plan is that of its run.
func TestExplainIsWhatRuns(t *testing.T) {
	m := open(t, "zoo:induction")
	clean, corrupted := m.Rows([][]int32{{0, 5, 6, 7, 5}}), m.Rows([][]int32{{0, 35, 6, 7, 5}})
	metric := model.LogProbOf(6)
	same := func(name string, plan *model.Plan, err error, ran *patch.Effects) {
		t.Helper()
		if err != nil || plan.String() != ran.Plans[0].String() {
			t.Errorf("%s: planned (%v)\n%v\nran as\n%v", name, err, plan, ran.Plans)
		}
	}
	a := patch.Activations{Parts: patch.Parts{Kinds: []hook.Kind{hook.KindZ}}}
	plan, err := a.Explain(m, pairs(clean, corrupted, metric))
	same("activations", plan, err, must(a.Patch(m, pairs(clean, corrupted, metric)))(t))
	plan, err = patch.Ablations{Ablation: zero}.Explain(m, alone(clean, metric))
	same("knock-out", plan, err, must(patch.KnockOut(m, alone(clean, metric), zero))(t))
	trace := patch.Tracing{Subject: hook.Each([]int{1}), Samples: 1}
	plan, err = trace.Explain(m, alone(clean, metric))
	same("tracing", plan, err, must(trace.Patch(m, alone(clean, metric)))(t))
	paths := must(patch.Paths{}.Explain(m, pairs(clean, corrupted, metric)))(t)
	same("paths", &paths[0], nil, must(patch.Paths{}.Patch(m, pairs(clean, corrupted, metric)))(t))
}

// The hand-made network finds what followed an earlier copy. Its first layer's
// head 0.0 tells the keys of head 1.1 which token stood before.
func ExamplePaths() {
	m, err := model.Open("zoo:induction")
	if err != nil {
		fmt.Println(err)
		return
	}
	clean := m.Rows([][]int32{{0, 5, 6, 7, 8, 5}})
	corrupted := m.Rows([][]int32{{0, 35, 6, 7, 8, 5}})
	for _, reader := range []hook.Point{hook.Q(1), hook.K(1), hook.V(1)} {
		path := patch.Paths{Receivers: []hook.Point{reader.Head(1)}}
		effect, err := path.Patch(m, task.Pairs{Clean: clean, Corrupted: corrupted, Metric: model.LogProbOf(6)})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: %.1f\n", reader.Kind, effect.At(0, 0))
	}
	// Output:
	// attn.hook_q: 0.0
	// attn.hook_k: -2.9
	// attn.hook_v: 0.0
}
