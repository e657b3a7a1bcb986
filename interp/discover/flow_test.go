package discover_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/modeltest"
)

// The shares of every edge and neuron, and the routes from two positions by every
// threshold, are those of the formula and of Meta's tool, which never gives a part
// less than 1e-5.
func TestRoutesAreRecorded(t *testing.T) {
	for name, tag := range map[string]string{"gpt2": "tool_b_V_once", "llama": "tool"} {
		m, err := model.Open(modeltest.Families(t)[name])
		if err != nil {
			t.Fatal(err)
		}
		o := modeltest.OracleIn(t, "testdata/routes", name+".routes.safetensors")
		var graphs map[string][][]any
		readJSON(t, "testdata/routes/"+name+".graphs.json", &graphs)
		prompts := m.Rows(modeltest.Rows(o["tokens"]))
		near := func(what string, got, want *array.Array, bound float64) {
			t.Helper()
			if d := modeltest.MaxDiff(got, want); d > bound {
				t.Errorf("%s, %s: %.2g off", name, what, d)
			}
		}
		for _, f := range []discover.Flow{{}, {Euclidean: true}, {Renormalise: .05}} {
			flows, err := discover.Flows(m, prompts, f)
			if err != nil {
				t.Fatal(err)
			}
			for row, one := range flows {
				pick := func(key string) *array.Array {
					a := o[key]
					if a == nil {
						t.Fatalf("no %s", key)
					}
					return a.Pick("0", row)
				}
				switch {
				case f.Renormalise > 0:
					near("renormalised attention", one.Attention, pick(tag+".renormalised_0.05.attention"), 1e-4)
					near("renormalised stream", one.Residual, pick(tag+".renormalised_0.05.residual_attention"), 1e-4)
					continue
				case f.Euclidean:
					near("Euclidean attention", one.Attention, pick(tag+".norm2.attention"), 3e-4) // what the tool gives to parts that have nothing counts more here
					near("Euclidean MLP", one.MLP, pick(tag+".norm2.ffn"), 1e-4)
					continue
				}
				near("attention", one.Attention, pick("formula.attention"), 1e-5)
				near("stream", one.Residual, pick("formula.residual_attention"), 1e-5)
				near("MLP", one.MLP, pick("formula.ffn"), 1e-5)
				near("stream at the MLP", one.ResidualMLP, pick("formula.residual_ffn"), 1e-5)
				for l := range m.Config().Layers {
					for i, pos := range []int{5, 10} {
						neurons, residual, err := f.Neurons(m, prompts, row, l, pos)
						if err != nil {
							t.Fatal(err)
						}
						near("neurons", neurons, pick(tag+".neurons_at_5_and_10").Pick("1", l).Pick("2", i), 1e-4)
						if want := pick(tag+".residual_of_neurons_at_5_and_10").At(l, i); math.Abs(residual-want) > 1e-4 {
							t.Errorf("%s: %.5f beside neurons, recorded %.5f", name, residual, want)
						}
					}
				}
				for _, tau := range []float64{.01, .02, .04, .1, .3} {
					for _, pos := range []int{5, 10} {
						key := fmt.Sprintf("%s.row%d.full.tau%g.from%d", tag, row, tau, pos)
						want, found := graphs[key]
						if !found {
							t.Fatalf("no %s", key)
						}
						routes, err := one.Routes(pos, tau)
						if err != nil {
							t.Fatal(err)
						}
						got := map[string]float64{}
						for _, e := range routes.Edges {
							got[e.From.String()+" "+e.To.String()] = e.Weight
						}
						if len(got) != len(want) {
							t.Errorf("%s %s: %d edges, recorded %d", name, key, len(got), len(want))
						}
						for _, e := range want {
							w, found := got[e[0].(string)+" "+e[1].(string)]
							if !found || math.Abs(w-e[2].(float64)) > 1e-4 {
								t.Errorf("%s %s: %v is %.5f, %t", name, key, e, w, found)
							}
						}
					}
				}
			}
		}
	}
}

// In every family shares add up to 1 at each position, and what is drawn is there.
func TestFlowsOfFamilies(t *testing.T) {
	for name, dir := range modeltest.Families(t) {
		m, err := model.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Edges(); err != nil {
			if _, err := discover.Flows(m, m.Rows([][]int32{{1, 2}}), discover.Flow{}); err == nil {
				t.Errorf("%s: a stream that is no sum has a flow", name)
			}
			continue
		}
		flows, err := discover.Flows(m, m.Rows([][]int32{{1, 2, 3, 4, 5}, {6, 7, 8}}), discover.Flow{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, f := range flows {
			n := f.MLP.Shape()[1]
			for l := range m.Config().Layers {
				for pos := range n {
					sum := f.Residual.At(l, pos)
					for k := range n {
						for h := range m.Config().Heads {
							w := f.Attention.At(l, pos, k, h)
							if sum += w; k > pos && w != 0 {
								t.Fatalf("%s: something flows back", name)
							}
						}
					}
					if both := f.MLP.At(l, pos) + f.ResidualMLP.At(l, pos); math.Abs(sum-1) > 1e-5 || math.Abs(both-1) > 1e-5 {
						t.Errorf("%s, layer %d, position %d: shares of %.5f and %.5f", name, l, pos, sum, both)
					}
				}
			}
		}
		r, err := flows[0].Routes(-1, 0)
		if err != nil || r.Links() == 0 || r.Len() < 2 || len(r.Columns()) == 0 {
			t.Errorf("%s: %v, %v", name, r, err)
		}
		heads, err := discover.HeadImportance(flows, 0)
		if err != nil || !strings.Contains(heads.Method, "2 prompts") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
