package model_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// A step that begins where the formulas act, with earlier keys and values of the run
// without them, and computes of the last block only what is read, is one over whole rows,
// in every family: losses, and what is found. Its twin has a loss at all positions too, of
// no weight to speak of.
func TestFitStartsWhereItActs(t *testing.T) {
	xla := strings.HasPrefix(os.Getenv("GOLENS_BACKEND"), "xla")
	for name, dir := range few(modeltest.Families(t), "gpt2", "gemma2") {
		m, err := model.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		c := m.Config()
		if c.Headless || c.Encoder {
			continue
		}
		rng := rand.New(rand.NewPCG(8, 8))
		rows := [][]int32{}
		var whole hook.Positions
		for _, n := range []int{9, 6, 9, 7, 9} {
			rows = append(rows, someRows(rng, m, 1, n)[0])
			all := hook.UpTo(n)
			for len(all) < 9 {
				all = append(all[:len(all):len(all)], n-1)
			}
			whole.Rows = append(whole.Rows, all)
		}
		source := model.Request{Rows: append(rows[2:3:3], rows[1], rows[4], rows[3], rows[0])}
		points := map[string]hook.Point{
			"behind a block": hook.ResidPost(0).AtEach([]int{4, 3, 5, 6, 2}), "in front of one": hook.ResidPre(1).At(-2),
			"behind the last": hook.ResidPost(c.Layers - 1).At(-1), "values of a head": hook.V(1).Head(0).At(3), "heads": hook.Z(0).Head(0, 1).At(-3, -1),
		}
		if !c.AttnOnly() {
			points["MLP"] = hook.MLPOut(1).At(-2)
		}
		for what, p := range points {
			if xla && (name != "gpt2" || what == "MLP" || what == "behind the last") && (name != "gemma2" || what != "behind a block") {
				continue // it compiles graphs for each
			}
			if what != "behind a block" && !slices.Contains([]string{"gpt2", "gemma2"}, name) {
				continue
			}
			t.Run(name+" "+what, func(t *testing.T) {
				d := c.Dims(p.Kind, 1)
				x, s := formula.Here(), formula.Source()
				R := formula.Free("R", d[len(d)-1], 3)
				f := model.Fit{
					Base: model.Request{Rows: rows}.Edit(p.Compute(x.Add(s.Sub(x).Dot(R).Dot(R.Transpose()))), hook.ResidPre(1).At(0, -1).Scale(1.5)).
						Metric(model.LogProbOf(1, 2, 3, 4, 5), model.LogProbOf(1).In(whole)),
					Source: source, Find: []model.Find{{Name: "R", Scale: .3}}, Loss: []model.Loss{{Weight: -1}},
					Optimizer: model.Optimizer{Kind: "sgd", Rate: .1}, Steps: 2, Batch: 3, Seed: 1,
				}
				got, err := m.Fit(f)
				if err != nil {
					t.Fatal(err)
				}
				f.Loss = append(f.Loss, model.Loss{Metric: 1, Weight: 1e-12})
				want, err := m.Fit(f)
				if err != nil {
					t.Fatal(err)
				}
				if d := modeltest.MaxDiff(got.Tensor("R"), want.Tensor("R")); !(d < near) {
					t.Errorf("found differs by %.1e", d)
				}
				for i := range got.Curve {
					if d := abs(got.Curve[i].Loss - want.Curve[i].Loss); !(d < near) || abs(got.Curve[i].Norm-want.Curve[i].Norm) > near*max(1, want.Curve[i].Norm) {
						t.Errorf("step %d: %s and %s", i, fmt.Sprint(got.Curve[i]), fmt.Sprint(want.Curve[i]))
					}
				}
			})
		}
		m.Close()
	}
}
