package discover_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// Every array of Meta's tool: shares of edges and neurons by both norms, renormalised ones,
// those of the formula, and the routes from two positions by every threshold.
func TestRoutesAreRecorded(t *testing.T) {
	for name, tag := range map[string]string{"gpt2": "tool_b_V_once", "llama": "tool"} {
		m, err := model.Open(modeltest.Families(t)[name])
		if err != nil {
			t.Fatal(err)
		}
		l := openLedger(t, "testdata/routes", name+".routes.safetensors")
		prompts := m.Rows(modeltest.Rows(l.of("tokens")))
		graphs := openGraphs(t, name, tag)
		if name == "gpt2" {
			l.without("the value's bias is counted twice, once by a hook that has it and once by the tool", "tool.")
		}
		find := func(f discover.Flow) []*discover.Flowed {
			flows, err := discover.Flows(m, prompts, f)
			if err != nil {
				t.Fatal(err)
			}
			return flows
		}
		plain := find(discover.Flow{})
		for key, x := range sharesOf(plain) {
			l.within(1e-5, "formula."+key, x)
		}
		for norm, f := range map[string]discover.Flow{"norm1": {}, "norm2": {Euclidean: true}} {
			flows := find(f)
			leastShares(t, m, prompts, flows)
			for key, x := range sharesOf(flows) {
				l.near(tag+"."+norm+"."+key, x)
			}
		}
		renormalised := find(discover.Flow{Renormalise: .05})
		for key, x := range sharesOf(renormalised) {
			if strings.HasSuffix(key, "attention") { // of MLPs they have none
				l.near(tag+".renormalised_0.05."+key, x)
			}
		}
		var neurons, beside []float64
		for row, one := range plain {
			for layer := range m.Config().Layers {
				for _, pos := range []int{5, 10} {
					x, residual, err := one.Settings.Neurons(m, prompts, row, layer, pos)
					if err != nil {
						t.Fatal(err)
					}
					neurons, beside = append(neurons, wide(x.Values())...), append(beside, residual)
				}
			}
			for _, tau := range []float64{.01, .02, .04, .1, .3} {
				graphs.are(fmt.Sprintf("row%d.full.tau%g", row, tau), one, tau)
			}
			tools := toolsMLP(renormalised[row], one)
			graphs.are(fmt.Sprintf("row%d.renormalised_0.05.tau0.0", row), tools, 1e-9)
			graphs.are(fmt.Sprintf("row%d.renormalised_0.05.tau0.04", row), tools, .04)
		}
		l.near(tag+".neurons_at_5_and_10", neurons)
		l.near(tag+".residual_of_neurons_at_5_and_10", beside)
		l.done()
		graphs.done()
	}
}

// sharesOf are the arrays of all prompts, as the recordings name them.
func sharesOf(flows []*discover.Flowed) map[string][]float64 {
	all := map[string][]float64{}
	for _, f := range flows {
		for key, a := range map[string]*array.Array{"attention": f.Attention, "residual_attention": f.Residual, "ffn": f.MLP, "residual_ffn": f.ResidualMLP} {
			all[key] = append(all[key], wide(a.Values())...)
		}
	}
	return all
}

// leastShares makes shares of attention those of Meta's tool, which gives every part, of
// positions behind the query too, a proximity of at least 1e-5.
func leastShares(t *testing.T, m *model.Model, prompts model.Prompts, flows []*discover.Flowed) {
	t.Helper()
	c := m.Config()
	var points []hook.Point
	for l := range c.Layers {
		points = append(points, hook.ResidPre(l), hook.AttnOut(l), hook.Pattern(l), hook.V(l))
	}
	run, err := m.Run(prompts.Capture(points...))
	if err != nil {
		t.Fatal(err)
	}
	const least = 1e-5
	for l := range c.Layers {
		W, err := m.Product(model.WO(l))
		if err != nil {
			t.Fatal(err)
		}
		for row, f := range flows {
			n := f.MLP.Shape()[1]
			for q := range n {
				parts := f.Attention.Values()[(l*n+q)*n*c.Heads:][:n*c.Heads]
				best := 0
				for i, x := range parts {
					if x > parts[best] {
						best = i
					}
				}
				// The proximity of the largest part tells what the shares are of.
				k, h := best/c.Heads, best%c.Heads
				with, without := make([]float64, c.DModel), make([]float64, c.DModel)
				for i := range c.DModel {
					with[i] = run.At(hook.ResidPre(l)).At(row, q, i) + run.At(hook.AttnOut(l)).At(row, q, i)
					part := 0.
					for j := range c.DHead {
						part += run.At(hook.V(l)).At(row, k, c.KVHead(h), j) * float64(W.Values()[(h*c.DHead+j)*c.DModel+i])
					}
					without[i] = with[i] - part*run.At(hook.Pattern(l)).At(row, h, q, k)
				}
				sum := (size(with, f.Settings) - size(without, f.Settings)) / float64(parts[best])
				own := f.Residual.At(l, q) * sum
				all := max(own, least)
				for i, x := range parts {
					parts[i] = float32(max(float64(x)*sum, least))
					all += float64(parts[i])
				}
				for i := range parts {
					parts[i] = float32(float64(parts[i]) / all)
				}
				f.Residual.Set(max(own, least)/all, l, q)
			}
		}
	}
}

func size(x []float64, f discover.Flow) (sum float64) {
	for _, v := range x {
		if f.Euclidean {
			sum += v * v
		} else {
			sum += math.Abs(v)
		}
	}
	if f.Euclidean {
		return math.Sqrt(sum)
	}
	return sum
}

// graphsOf are recorded trees of routes, and those that nothing was held against yet.
type graphsOf struct {
	t    *testing.T
	name string
	all  map[string][][]any
	tag  string
	left map[string]bool
}

func openGraphs(t *testing.T, name, tag string) *graphsOf {
	t.Helper()
	g := &graphsOf{t: t, name: name, tag: tag, left: map[string]bool{}}
	readJSON(t, "testdata/routes/"+name+".graphs.json", &g.all)
	for key := range g.all {
		if strings.HasPrefix(key, tag+".") {
			g.left[key] = true
		}
	}
	return g
}

// are holds the routes from two positions against a tree.
func (g *graphsOf) are(tree string, f *discover.Flowed, tau float64) {
	g.t.Helper()
	for _, pos := range []int{5, 10} {
		key := fmt.Sprintf("%s.%s.from%d", g.tag, tree, pos)
		want, found := g.all[key]
		if !found {
			g.t.Fatalf("no %s", key)
		}
		delete(g.left, key)
		routes, err := f.Routes(pos, tau)
		if err != nil {
			g.t.Fatal(err)
		}
		got := map[string]float64{}
		for _, e := range routes.Edges {
			got[e.From.String()+" "+e.To.String()] = e.Weight
		}
		if len(got) != len(want) {
			g.t.Errorf("%s %s: %d edges, recorded %d", g.name, key, len(got), len(want))
		}
		for _, e := range want {
			w, found := got[e[0].(string)+" "+e[1].(string)]
			if !found || math.Abs(w-e[2].(float64)) > 1e-4 {
				g.t.Errorf("%s %s: %v is %.5f, %t", g.name, key, e, w, found)
			}
		}
	}
}

func (g *graphsOf) done() {
	g.t.Helper()
	if len(g.left) > 0 {
		g.t.Errorf("%s: nothing is held against %v", g.name, g.left)
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

	// The head is on the routes of the first prompt, which has something to move, and not on
	// those of the second; nor of either if more is asked than it brings.
	flows, err := discover.Flows(m, m.Rows([][]int32{{0, 1, 2}, {2, 2, 2}}), discover.Flow{})
	if err != nil {
		t.Fatal(err)
	}
	for tau, want := range map[float64]float64{0: .5, .1: .5, .155: 0} {
		heads, err := discover.HeadImportance(flows, tau)
		if err != nil || heads.At(0, 0) != want {
			t.Errorf("above %g the head is on %g of the routes, want %g; %v", tau, heads.At(0, 0), want, err)
		}
	}
	r, err := flows[0].Routes(-1, .04)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Heads().At(0, 0); math.Abs(got-.2) > 1e-5 { // .05 and .15
		t.Errorf("the head brings %.5f, want 0.2", got)
	}
}
