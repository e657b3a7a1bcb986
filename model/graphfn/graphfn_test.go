package graphfn_test

import (
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/graphfn"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/content"
	"github.com/golens/golens/model/modeltest"
)

// near is how far two ways in float32 may be from each other.
const near = 2e-5

func dot(x, w *graph.Node) *graph.Node { return graph.Dot(x, w).Product() }

// swap puts the source's coordinates in a subspace in the place of the run's own.
var swap = graphfn.New("swap", func(in []*graph.Node) *graph.Node {
	x, source, R := in[0], in[1], in[2]
	return graph.Add(x, dot(dot(graph.Sub(source, x), R), graph.Transpose(R, 0, 1)))
})

func random(seed uint64, dims ...int) *array.Array {
	rng := rand.New(rand.NewPCG(seed, 1))
	var axes []array.Axis
	for i, n := range dims {
		axes = append(axes, array.Dim(fmt.Sprint("axis ", i), n))
	}
	a := array.New(axes...)
	for i := range a.Values() {
		a.Values()[i] = float32(rng.NormFloat64()) / 4
	}
	return a
}

func open(t *testing.T, name string) *model.Model {
	t.Helper()
	m, err := model.Open(modeltest.Families(t)[name])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// A swap in a subspace is the same as a formula, as a graph function, and by hand on
// captured values, where the frontier starts from the base run and where it does not.
func TestSwapThreeWays(t *testing.T) {
	for _, name := range []string{"gpt2", "llama", "gemma2", "gpt_neox"} {
		m := open(t, name)
		if name != "gpt2" && !strings.HasPrefix(m.Info().Backend, "go") {
			continue // where graphs take long to compile
		}
		at := hook.ResidPost(1)
		R := random(3, m.Config().DModel, 3)
		x, s, tensor := formula.Here(), formula.Source(), formula.Tensor("R", R)
		base := m.Rows([][]int32{{1, 2, 3, 4, 5}, {6, 7, 8, 9, 3}}).Metric(model.LogProbOf(3))
		source := m.Rows([][]int32{{1, 2, 5, 4, 9}, {6, 7, 2, 9, 9}}).Request()
		captured := func(r model.Request) *array.Array {
			run, err := m.Run(r.Capture(at))
			if err != nil {
				t.Fatal(err)
			}
			return run.At(at)
		}
		put := captured(base)
		d, k := m.Config().DModel, 3
		from := captured(source).Values()
		for p := 0; p < len(from); p += d { // by hand, one position after another
			mine, theirs := put.Values()[p:p+d], from[p:p+d]
			move := make([]float64, d)
			for j := range k {
				along := 0.0
				for i := range d {
					along += float64(theirs[i]-mine[i]) * float64(R.Values()[i*k+j])
				}
				for i := range d {
					move[i] += along * float64(R.Values()[i*k+j])
				}
			}
			for i := range d {
				mine[i] += float32(move[i])
			}
		}
		var variants []model.Variant
		for _, pos := range []int{-1, 2} { // late in the row, and early
			for _, e := range []hook.Edit{
				at.At(pos).Compute(x.Add(s.Sub(x).Dot(tensor).Dot(tensor.Transpose()))),
				at.At(pos).Compute(swap(x, s, tensor)),
				at.At(pos).Replace(put.Select(hook.Pos, (pos+5)%5)),
			} {
				variants = append(variants, model.Variant{Edits: []hook.Edit{e}})
			}
		}
		got, err := m.Sweep(model.Sweep{Base: base, Source: source, Variants: variants, Captures: []hook.Point{hook.ResidPost(m.Config().Layers - 1)}})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		last := got.Captures[0].Array
		for v := range variants {
			if d := modeltest.MaxDiff(last.Select("variant", v), last.Select("variant", v/3*3+2)); !(d <= near) {
				t.Errorf("%s: variant %d is %g from what was made by hand", name, v, d)
			}
		}
		if d := modeltest.MaxDiff(last.Select("variant", 1), last.Select("variant", 4)); d < 100*near {
			t.Errorf("%s: the swap does nothing", name)
		}
	}
}

// A graph function is a formula's twin in everything that takes edits: values of heads,
// labels, gradients through it and to its tensors, generation, fits, and what they cost.
func TestGraphFunctionIsAFormula(t *testing.T) {
	m := open(t, "llama")
	c := m.Config()
	W := formula.Tensor("W", random(5, c.DHead, 4))
	probe := graphfn.New("probe", func(in []*graph.Node) *graph.Node { // [place, head, d_head] · [d_head, n]
		return graph.Tanh(graph.Einsum("phd,dn->phn", in[0], in[1]))
	})
	back := graphfn.New("back", func(in []*graph.Node) *graph.Node {
		return graph.Add(in[0], graph.MulScalar(graph.Einsum("phn,dn->phd", in[1], in[2]), .5))
	})
	at := hook.Z(1).Head(0, 2)
	edits := func(native bool, W formula.Expr) hook.Edit {
		x := formula.Here()
		if native {
			return at.Compute(back(x, probe(x, W).As("h"), W))
		}
		h := x.Dot(W).Tanh().As("h")
		return at.Compute(x.Add(h.Dot(W.Transpose()).Scale(.5)))
	}
	rows := m.Rows([][]int32{{1, 2, 3, 4, 5}, {6, 7, 8}}).Metric(model.LogProbOf(3))
	h := at.Whole().Label("h")
	ask := func(native bool) *model.Result {
		t.Helper()
		run, err := m.Run(rows.Edit(edits(native, W)).Capture(h, hook.Pattern(2)).Grad(h, hook.ResidPre(0)).GradTensor("W"))
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	a, b := ask(false), ask(true)
	for what, pair := range map[string][2]*array.Array{
		"metric": {a.Metrics[0], b.Metrics[0]}, "label": {a.Captures[0].Array, b.Captures[0].Array}, "pattern": {a.Captures[1].Array, b.Captures[1].Array},
		"gradient at the label": {a.Grads[0].Array, b.Grads[0].Array}, "gradient below": {a.Grads[1].Array, b.Grads[1].Array}, "gradient of W": {a.GradTensor("W"), b.GradTensor("W")},
	} {
		if d := modeltest.MaxDiff(pair[0], pair[1]); !(d <= near) {
			t.Errorf("%s differs by %g", what, d)
		}
	}
	if shape := fmt.Sprint(b.Captures[0].Array.Shape()); shape != "[2 5 2 4]" {
		t.Errorf("the label has shape %s", shape)
	}
	var texts [2]string
	var costs [2]int64
	var losses [2]float64
	for i, native := range []bool{false, true} {
		g, err := m.Complete(m.Rows([][]int32{{1, 2, 3}}).Complete(6).Edit(edits(native, W)))
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = fmt.Sprint(g.Prompts.IDs)
		cost, err := m.ExplainRun(rows.Edit(edits(native, W)))
		if err != nil {
			t.Fatal(err)
		}
		costs[i] = cost.FLOPs
		f, err := m.Fit(model.Fit{Base: rows.Edit(edits(native, formula.Free("W", c.DHead, 4))), Find: []model.Find{{Name: "W", Start: random(6, c.DHead, 4)}},
			Loss: []model.Loss{{Weight: -1}}, Optimizer: model.Optimizer{Rate: .01}, Steps: 3})
		if err != nil {
			t.Fatal(err)
		}
		losses[i] = f.Curve[2].Loss
	}
	if texts[0] != texts[1] || costs[0] != costs[1] {
		t.Errorf("generated %s and %s; %d and %d multiplications and additions", texts[0], texts[1], costs[0], costs[1])
	}
	if d := losses[0] - losses[1]; !(d < 1e-4 && d > -1e-4) {
		t.Errorf("fits come to %v", losses)
	}
}

// The cost of formulas is that of their matrix products, at the positions where they
// are computed, counted by hand.
func TestFormulasCost(t *testing.T) {
	m := open(t, "gpt2")
	d := int64(m.Config().DModel)
	if !strings.HasPrefix(m.Info().Backend, "go") {
		t.Skip("elsewhere rows and positions are padded; run with GOLENS_BACKEND=go")
	}
	x, s := formula.Here(), formula.Source()
	R, W, E := formula.Tensor("R", random(1, int(d), 3)), formula.Tensor("W", random(2, int(d), int(d))), formula.Tensor("E", random(3, 40, int(d)))
	rows := m.Rows([][]int32{{1, 2, 3, 4}, {5, 6, 7, 8}}).Metric(model.LogProbOf(3)) // 8 positions
	cost := func(r model.Request) *model.Cost {
		c, err := m.ExplainRun(r)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	plain, calls := cost(rows).FLOPs, int64(cost(rows).Chunks)
	const positions = 8
	for name, c := range map[string]struct {
		edit hook.Edit
		want int64
	}{
		"no products":           {hook.ResidPost(1).Compute(x.Scale(2)), 0},
		"one matrix":            {hook.ResidPost(1).Compute(x.Dot(W)), positions * 2 * d * d},
		"a dictionary":          {hook.MLPOut(0).Compute(x.Dot(E.Transpose()).ReLU().As("f").Dot(E)), positions * 2 * 2 * 40 * d},
		"a product of tensors":  {hook.ResidPost(0).Compute(x.Dot(W.Dot(W))), calls*2*d*d*d + positions*2*d*d},
		"at the end, 2 read":    {hook.LNFinalNormalized().Compute(x.Dot(W)), 2 * 2 * d * d},
		"as a graph function":   {hook.ResidPost(1).Compute(swap(x, x, R)), positions * 2 * 2 * 3 * d},
		"watched, and not read": {hook.ResidPost(1).Watch("y", x.Dot(W)), 0},
	} {
		if got := cost(rows.Edit(c.edit)).FLOPs - plain; got != c.want {
			t.Errorf("%s: %d multiplications and additions; by hand %d", name, got, c.want)
		}
	}
	last := hook.ResidPost(m.Config().Layers - 1).At(-1)
	explain := func(e hook.Edit) *model.Plan {
		p, err := m.Explain(model.Sweep{Base: rows, Source: m.Rows([][]int32{{1, 2, 3, 5}, {5, 6, 7, 9}}).Request(), Variants: []model.Variant{{Edits: []hook.Edit{e}}}})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	with := explain(last.Compute(x.Add(s.Sub(x).Dot(R).Dot(R.Transpose()))))
	without := explain(last.Compute(x.Add(s.Sub(x))))
	if got, want := with.FLOPs-without.FLOPs, int64(2*2*2*3)*d; got != want { // two rows, the last position alone
		t.Errorf("a rotation swap in a sweep: %d, by hand %d", got, want)
	}
	if got, want := with.Naive-without.Naive, positions*2*2*3*d; got != want {
		t.Errorf("naively: %d, by hand %d", got, want)
	}
}

func TestFaultyGraphFunctions(t *testing.T) {
	m := open(t, "gpt2")
	x := formula.Here()
	W := formula.Tensor("W", random(1, 5, 2))
	one := func(f func(x *graph.Node) *graph.Node) formula.Expr {
		return graphfn.New("faulty", func(in []*graph.Node) *graph.Node { return f(in[0]) })(x)
	}
	for want, f := range map[string]formula.Expr{
		"does not take values of shape [32], tensor [5, 2]": graphfn.New("product", func(in []*graph.Node) *graph.Node { return dot(in[0], in[1]) })(x, W),
		"first axis must be the places":                     one(func(x *graph.Node) *graph.Node { return graph.ReduceSum(x, 0) }),
		"keep their axis":                                   one(graph.ReduceAllSum),
		"only its first axis may follow the places":         one(func(x *graph.Node) *graph.Node { return graph.Dot(x, graph.Transpose(x, 0, 1)).Product() }),
		"gives no node":                                     one(func(*graph.Node) *graph.Node { return nil }),
		"of type Bool, not float32":                         one(func(x *graph.Node) *graph.Node { return graph.GreaterThan(x, graph.Neg(x)) }),
		"a mistake of mine":                                 one(func(*graph.Node) *graph.Node { panic("a mistake of mine") }),
		"the formula's value has shape [3]":                 one(func(x *graph.Node) *graph.Node { return graph.Slice(x, graph.AxisRange(), graph.AxisRange(0, 3)) }),
		"is given nothing":                                  swap(),
		"the graph function is nil":                         graphfn.New("none", nil)(x),
		"go:swap(here[32])":                                 swap(x),
		"unheard of is Go code of the program that made it": formula.Call("unheard of", x),
	} {
		_, err := m.Run(m.Rows([][]int32{{1, 2, 3}}).Edit(hook.ResidPost(0).Compute(f)).Capture(hook.ResidPost(0)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", want, err)
		}
	}
}

// Functions of one name are two, also to what is kept by the hash of what was asked; and
// none leaves the process.
func TestNamesStandForOneFunction(t *testing.T) {
	m := open(t, "gpt2")
	scaled := func(by float64) model.Request {
		f := graphfn.New("scaled", func(in []*graph.Node) *graph.Node { return graph.MulScalar(in[0], by) })
		return m.Rows([][]int32{{1, 2, 3}}).Edit(hook.ResidPost(0).Compute(f(formula.Here()))).Capture(hook.ResidPost(0))
	}
	two, three := scaled(2), scaled(3)
	if two.Hash() == three.Hash() {
		t.Error("hashes do not tell functions apart")
	}
	a, err := m.Run(two)
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Run(three)
	if err != nil {
		t.Fatal(err)
	}
	x, y := a.Captures[0].Array.Values(), b.Captures[0].Array.Values()
	for i := range x {
		if d := x[i]/2 - y[i]/3; d > near || d < -near {
			t.Fatalf("value %d is %g and %g; both are one by 2 and by 3", i, x[i], y[i])
		}
	}
	if _, _, err := content.Encode(two); err == nil || !strings.Contains(err.Error(), "say it as a formula") {
		t.Errorf("what is sent: %v", err)
	}
}

// What a block writes is cubed, value by value: the function is given the activation,
// one place a row of the matrix, and gives what stands there instead.
func Example() {
	m, err := model.Open("zoo:induction")
	if err != nil {
		log.Fatal(err)
	}
	cube := graphfn.New("cube", func(in []*graph.Node) *graph.Node {
		return graph.Mul(in[0], graph.Mul(in[0], in[0])) // [place, d_model]
	})
	at := hook.ResidPost(0).At(-1)
	edit := at.Compute(cube(formula.Here()))
	text := m.Tokens("the cat sat the cat").Capture(at)
	before, err := m.Run(text)
	if err != nil {
		log.Fatal(err)
	}
	after, err := m.Run(text.Edit(edit))
	if err != nil {
		log.Fatal(err)
	}
	apart := 0.0
	for i, x := range before.At(at).Values() {
		apart = max(apart, math.Abs(float64(after.At(at).Values()[i]-x*x*x)))
	}
	fmt.Println(edit)
	fmt.Println("cubed:", apart < 1e-5)
	// Output:
	// blocks.0.hook_resid_post{pos=[-1]} = go:cube(here)
	// cubed: true
}
