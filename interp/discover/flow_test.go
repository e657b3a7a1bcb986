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
		// routesAre compares the routes from two positions with a recorded tree.
		routesAre := func(tree string, f *discover.Flowed, tau float64) {
			t.Helper()
			for _, pos := range []int{5, 10} {
				key := fmt.Sprintf("%s.%s.from%d", tag, tree, pos)
				want, found := graphs[key]
				if !found {
					t.Fatalf("no %s", key)
				}
				routes, err := f.Routes(pos, tau)
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
		var plain []*discover.Flowed
		for _, f := range []discover.Flow{{}, {Euclidean: true}, {Renormalise: .05}} {
			flows, err := discover.Flows(m, prompts, f)
			if err != nil {
				t.Fatal(err)
			}
			if f == (discover.Flow{}) {
				plain = flows
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
					tools := toolsMLP(one, plain[row])
					routesAre(fmt.Sprintf("row%d.renormalised_0.05.tau0.0", row), tools, 1e-9)
					routesAre(fmt.Sprintf("row%d.renormalised_0.05.tau0.04", row), tools, .04)
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
					routesAre(fmt.Sprintf("row%d.full.tau%g", row, tau), one, tau)
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

// toolsMLP is a renormalised flow with the shares of MLPs as Meta's tool has them:
// among what is left at all positions together, for its sum over no dimensions is one
// over all. Ours are among what is left at each.
func toolsMLP(f, plain *discover.Flowed) *discover.Flowed {
	tools := *f
	tools.MLP, tools.ResidualMLP = array.New(f.MLP.Axes()...), array.New(f.MLP.Axes()...)
	keep := func(x float64) float64 {
		if x <= f.Settings.Renormalise {
			return 0
		}
		return x
	}
	layers, n := f.MLP.Shape()[0], f.MLP.Shape()[1]
	for l := range layers {
		all := 0.
		for pos := range n {
			all += keep(plain.MLP.At(l, pos))
		}
		for pos := range n {
			rest := keep(plain.ResidualMLP.At(l, pos))
			tools.MLP.Set(keep(plain.MLP.At(l, pos))/(rest+all), l, pos)
			tools.ResidualMLP.Set(rest/(rest+all), l, pos)
		}
	}
	return &tools
}

// A head that looks everywhere alike brings .05 from the first token and .15 from the
// second to the third, of a stream whose other .8 is its own: without the edge of .05
// the others have 15 and 80 of 95. The numbers are those of Meta's tests.
func TestRenormalisedRoutes(t *testing.T) {
	h := modeltest.ByHand(t, map[string]any{"n_layer": 1, "n_head": 1, "d_head": 2, "n_embd": 5, "vocab_size": 3, "n_positions": 3})
	for token := range 3 {
		h.Add("embed.W_E", .8, token, token)
	}
	for token, share := range []float32{.05, .15} {
		h.Head(0, 0, "W_V", token, token, 3*share/.8).Head(0, 0, "W_O", 3+token, token, 1)
	}
	m, err := model.Open(h.Dir())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		f    discover.Flow
		tau  float64
		want map[string]float64
	}{
		{discover.Flow{}, .04, map[string]float64{"X0_0 A0_2": .05, "X0_1 A0_2": .15, "X0_2 A0_2": .8, "A0_2 I0_2": 1}},
		{discover.Flow{}, .155, map[string]float64{"X0_2 A0_2": .8, "A0_2 I0_2": 1}},
		{discover.Flow{Renormalise: .1}, .155, map[string]float64{"X0_1 A0_2": .157894, "X0_2 A0_2": .842105, "A0_2 I0_2": 1}},
		{discover.Flow{Renormalise: .2}, 1e-9, map[string]float64{"X0_2 A0_2": 1, "A0_2 I0_2": 1}},
	} {
		flows, err := discover.Flows(m, m.Rows([][]int32{{0, 1, 2}}), c.f)
		if err != nil {
			t.Fatal(err)
		}
		r, err := flows[0].Routes(2, c.tau)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Edges) != len(c.want) {
			t.Errorf("%+v, above %g: %v, want %v", c.f, c.tau, r.Edges, c.want)
		}
		for _, e := range r.Edges {
			if want := c.want[e.From.String()+" "+e.To.String()]; math.Abs(e.Weight-want) > 1e-5 {
				t.Errorf("%+v, above %g: %s → %s is %.6f, want %.6f", c.f, c.tau, e.From, e.To, e.Weight, want)
			}
		}
	}
}
