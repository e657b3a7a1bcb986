package model_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

func tensorOf(rng *rand.Rand, dims ...int) *array.Array {
	var axes []array.Axis
	for i, n := range dims {
		axes = append(axes, array.Dim(fmt.Sprint("axis ", i), n))
	}
	a := array.New(axes...)
	for i := range a.Values() {
		a.Values()[i] = float32(rng.NormFloat64())
	}
	return a
}

// formulaEdit draws a point and a formula of it that may read base and source
// runs, if there are, and other activations.
func (r *random) formulaEdit(base, source bool) hook.Edit {
	p := r.point()
	for p.Kind == hook.KindScores || p.Kind == hook.KindPattern { // whose keys are as many as the row is long
		p = r.point()
	}
	if last := r.m.Config().Dims(p.Kind, 1); p.Heads == nil && r.IntN(4) == 0 && last[len(last)-1] > 4 {
		p = p.Coord(r.Perm(last[len(last)-1])[:4]...)
	}
	shapes := r.m.Config().FormulaShapes(p)
	shapes.Base, shapes.Source = base, source
	maker := modeltest.FormulaMaker{Rand: r.Rand, Shapes: shapes, Prefix: fmt.Sprint(r.Int32(), "-")}
	for range 2 {
		name := r.point().Whole().String()
		if _, err := shapes.At(name); err == nil {
			maker.At = append(maker.At, name)
		}
	}
	return p.Compute(maker.Formula(2 + r.IntN(6)))
}

// unpad leaves the padding out.
func unpad(rows [][]int32) model.Request { return model.Request{Rows: rows} }

// Formulas in a run of any family are what their twin makes of captured values: at
// every kind of activation, at selected rows, positions, heads and coordinates,
// reading activations of earlier blocks and of their own, with their labelled
// values.
func TestFormulasEqualNaiveTwin(t *testing.T) {
	for name, m := range models(t) {
		t.Run(name, func(t *testing.T) {
			// Formulas sum as many products as the model is wide.
			most, bound := 0.0, near*math.Sqrt(max(1, float64(m.Config().DModel)/32))
			for _, seed := range draws(name, 24) {
				r, _, _ := newRandom(t, m, seed)
				request := unpad(r.rows)
				for range 1 + r.IntN(2) {
					request = request.Edit(r.formulaEdit(false, false))
				}
				if r.IntN(3) == 0 {
					if e := r.edit(); e.Op != hook.OpFreeze && e.Op != hook.OpSource {
						request = request.Edit(e)
					}
				}
				request = request.Metric(model.LogProbOf(3)).Capture(hook.ResidPost(m.Config().Layers - 1))
				if normedAgain(request.Edits) {
					continue
				}
				plain, labels, err := modeltest.Unroll(m, request, modeltest.Runs{})
				if err != nil {
					t.Fatalf("seed %d: %v\n%v", seed, err, request.Edits)
				}
				want := run(t, m, plain)
				captured := request
				for _, e := range request.Edits {
					if e.Op == hook.OpCompute {
						for label, dims := range dimsOfLabels(t, m, e) {
							if len(dims) <= 2 && !strings.HasPrefix(string(e.Kind), "ln_final") && e.Kind != hook.KindLogits {
								captured = captured.Capture(e.Point.Whole().Label(label))
							}
						}
					}
				}
				got, err := m.Run(captured)
				if err != nil {
					t.Fatalf("seed %d: %v\n%v", seed, err, request.Edits)
				}
				d := max(apart(got.Captures[0].Array, want.Captures[0].Array), apart(got.Metrics[0], want.Metrics[0]))
				for _, c := range got.Captures[1:] {
					d = max(d, labelsApart(c, labels[c.Point.Value]))
				}
				d /= max(1, size(want.Captures[0].Array)/100) // a scale near nothing takes as many digits as the stream grows by it
				most = max(most, d)
				if !(d <= bound) {
					t.Errorf("seed %d: differs by %.1e: rows %v\n%v", seed, d, r.rows, request.Edits)
				}
			}
			t.Logf("largest difference %.1e", most)
		})
	}
}

// normedAgain tells whether heads with inputs of their own compute the norm again,
// each with the formula made of its own input; values put in place know one norm.
func normedAgain(edits []hook.Edit) bool {
	split, norm := false, false
	for _, e := range edits {
		switch e.Kind {
		case hook.KindAttnIn, hook.KindQInput, hook.KindKInput, hook.KindVInput, hook.KindMLPIn:
			split = true
		case hook.KindLN1, hook.KindLN1Norm:
			norm = norm || e.Op == hook.OpCompute
		}
	}
	return split && norm
}

func dimsOfLabels(t *testing.T, m *model.Model, e hook.Edit) map[string][]int {
	all := map[string][]int{}
	shapes := m.Config().FormulaShapes(e.Point)
	labels, err := e.Formula.Labels(shapes)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range labels {
		if !s.Tensor && len(s.Dims) > 0 {
			all[name] = s.Dims
		}
	}
	return all
}

// labelsApart compares a captured label [batch, pos, ...] with the twin's, where
// the twin has it: the edit was not made elsewhere, but the value is there.
func labelsApart(c model.Captured, want [][]modeltest.Value) float64 {
	d, size := 0.0, 1.0
	for row := range want {
		for pos, v := range want[row] {
			got := c.Array.Select(hook.Batch, row).Select(hook.Pos, pos).Values()
			for i, x := range v.X {
				d, size = max(d, abs(float64(got[i])-x)), max(size, abs(x))
			}
		}
	}
	return d / size
}

// A rotation that swaps, an encoder that keeps its error and a steering vector, by
// formula and by hand on captured values.
func TestFormulasByHand(t *testing.T) {
	m := open(t)
	rng := rand.New(rand.NewPCG(1, 1))
	d := m.Config().DModel
	rows := model.Request{Rows: [][]int32{{1, 2, 3, 4}, {5, 6, 7}}}
	at := hook.ResidPost(0)
	x := formula.Here()
	enc, dec, bias := formula.Tensor("W_enc", tensorOf(rng, d, 40)), formula.Tensor("W_dec", tensorOf(rng, 40, d)), formula.Tensor("b", tensorOf(rng, 40))
	f := x.Dot(enc).Add(bias).ReLU().As("features")
	before := run(t, m, rows.Capture(hook.ResidPost(1), at))

	t.Run("an encoder that keeps its error changes no bit", func(t *testing.T) {
		splice := x.Add(f.Dot(dec).Sub(f.Dot(dec)))
		after := run(t, m, rows.Edit(at.Compute(splice)).Capture(hook.ResidPost(1)))
		if !slices.EqualFunc(before.At(hook.ResidPost(1)).Values(), after.At(hook.ResidPost(1)).Values(), func(a, b float32) bool { return a == b || a != a && b != b }) {
			t.Error("the splice is not a no-op to the last bit")
		}
	})
	t.Run("a feature set", func(t *testing.T) {
		steered := run(t, m, rows.Edit(at.At(-1).Compute(x.Add(f.Put(formula.Number(3), 7).Sub(f).Dot(dec)))).
			Capture(at, at.Label("features"), at.Label("features").Coord(7, 2).At(-1)))
		row := steered.At(at).Select(hook.Batch, 0).Select(hook.Pos, 3).Values()
		was := before.At(at).Select(hook.Batch, 0).Select(hook.Pos, 3).Values()
		feature := steered.At(at.Label("features")).Select(hook.Batch, 0).Select(hook.Pos, 3).Values()[7]
		for i := range row {
			want := was[i] + (3-feature)*dec.Steps[0].Values[7*d+i]
			if abs(float64(row[i]-want)) > 1e-4 {
				t.Fatalf("coordinate %d is %g, want %g", i, row[i], want)
			}
		}
		if got := steered.Captures[2].Array; got.Shape()[1] != 1 || got.Shape()[2] != 2 || got.Values()[0] != feature {
			t.Errorf("two features at the last position: %v, want %g first", got, feature)
		}
	})
	t.Run("features are watched without a change", func(t *testing.T) {
		watched := run(t, m, rows.Edit(at.Watch("features", f)).Capture(hook.ResidPost(1), at.Label("features")))
		if modeltest.MaxDiff(watched.At(hook.ResidPost(1)), before.At(hook.ResidPost(1))) != 0 {
			t.Error("watching changed the run")
		}
		if shape := watched.At(at.Label("features")).Shape(); !slices.Equal(shape, []int{2, 4, 40}) {
			t.Errorf("shape %v", shape)
		}
	})
	t.Run("a translator in front of the unembedding", func(t *testing.T) {
		last := hook.ResidPost(m.Config().Layers - 1)
		lens := formula.At(hook.ResidPre(1).String())
		got := run(t, m, rows.Edit(last.Compute(lens)).Metric(model.LogProbOf(3)))
		want := run(t, m, rows.Start(m.Config().Layers, run(t, m, rows.Capture(hook.ResidPre(1))).At(hook.ResidPre(1))).Metric(model.LogProbOf(3)))
		if d := apart(got.Metrics[0], want.Metrics[0]); !(d <= near) {
			t.Errorf("the logit lens by a formula differs by %g", d)
		}
	})
}

// Gradients through formulas, to their tensors, to what they label and to what is
// below, are slopes.
func TestGradientsThroughFormulas(t *testing.T) {
	m := open(t)
	rng := rand.New(rand.NewPCG(2, 2))
	c := m.Config()
	rows := model.Request{Rows: [][]int32{{1, 2, 3, 4}, {5, 6, 7}}}
	for name, edit := range map[string]func(w *array.Array) hook.Edit{
		"in one block": func(w *array.Array) hook.Edit {
			x := formula.Here()
			return hook.ResidPost(0).Compute(x.Add(x.Dot(formula.Tensor("W", w)).Tanh().As("h").Dot(formula.Tensor("W", w).Transpose()).Scale(.1)))
		},
		"from an earlier block": func(w *array.Array) hook.Edit {
			y := formula.At(hook.MLPIn(0).String())
			return hook.MLPOut(1).Compute(formula.Here().Add(y.Dot(formula.Tensor("W", w)).Tanh().As("h").Dot(formula.Tensor("W", w).Transpose())))
		},
		"from its own block": func(w *array.Array) hook.Edit {
			y := formula.At(hook.ResidMid(1).String())
			return hook.MLPOut(1).Compute(y.Dot(formula.Tensor("W", w)).SiLU().As("h").Dot(formula.Tensor("W", w).Transpose()))
		},
		"of heads": func(w *array.Array) hook.Edit {
			x := formula.Here().Flatten()
			return hook.Z(1).Compute(x.Dot(formula.Tensor("W", w)).Tanh().As("h").Dot(formula.Tensor("W", w).Transpose()).Split(c.Heads))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := tensorOf(rng, c.DModel, 3)
			e := edit(w)
			label := e.Point.Whole().Label("h")
			metric := model.Metric(model.LogProbOf(3))
			low := hook.ResidPre(0).At(1).Row(0)
			request := rows.Metric(metric).Grad(low, label).GradTensor("W")
			res := run(t, m, request.Edit(e))
			const h = 2e-3 // as in TestFamiliesGradients
			slope := func(bumped func(by float32) model.Request) float64 {
				sum := func(by float32) float64 {
					v := run(t, m, bumped(by).Metric(metric)).Metrics[0].Values()
					return float64(v[0]) + float64(v[1])
				}
				return (sum(h) - sum(-h)) / (2 * h)
			}
			compare := func(what string, got float32, want float64) {
				t.Helper()
				if d := abs(float64(got)-want) / (1 + abs(want)); !(d < 5e-3) {
					t.Errorf("%s: gradient %g, slope %g", what, got, want)
				}
			}
			for range 3 {
				i := rng.IntN(len(w.Values()))
				compare("tensor", res.GradTensor("W").Values()[i], slope(func(by float32) model.Request {
					v := array.Of(slices.Clone(w.Values()), w.Axes()...)
					v.Values()[i] += by
					return rows.Edit(edit(v))
				}))
				k := rng.IntN(c.DModel)
				compare("below", res.Grads[0].Array.Values()[k], slope(func(by float32) model.Request {
					u := make([]float32, c.DModel)
					u[k] = by
					return rows.Edit(low.Add(hook.Vec(u...)), e)
				}))
			}
			// What is labelled is differentiated as a sum of the whole label moves it.
			if g := res.Grad(label); g.Err() != nil || g.Shape()[2] != 3 {
				t.Errorf("gradient at the label: %v", g)
			}
			lin := run(t, m, rows.Edit(e).Metric(model.Linear(label.At(-1).Coord(1), hook.Vec(2))).Grad(low))
			h1 := run(t, m, rows.Edit(e).Capture(label)).At(label)
			if want := 2 * h1.Select(hook.Batch, 0).Select(hook.Pos, 3).Values()[1]; abs(float64(lin.Metrics[0].Values()[0]-want)) > 1e-5 {
				t.Errorf("a metric of the label is %g, want %g", lin.Metrics[0].Values()[0], want)
			}
		})
	}
}

func TestFaultyFormulas(t *testing.T) {
	m := open(t)
	x := formula.Here()
	rows := model.Request{Rows: [][]int32{{1, 2, 3}}}
	W := formula.Tensor("W", array.New(array.Dim("a", 5), array.Dim("b", 2)))
	for want, r := range map[string]model.Request{
		"the last axis of [32]":      rows.Edit(hook.ResidPost(0).Compute(x.Dot(W))),
		"is not computed before":     rows.Edit(hook.ResidPost(0).Compute(formula.At("blocks.1.hook_resid_pre"))),
		"not computed before blocks": rows.Edit(hook.AttnOut(0).Compute(formula.At("blocks.0.hook_mlp_out"))),
		"no such activation":         rows.Edit(hook.ResidPost(0).Compute(formula.At("blocks.0.mlp.hook_pre_linear"))),
		"no source run":              rows.Edit(hook.ResidPost(0).Compute(formula.Source())),
		"has shape [2]":              rows.Edit(hook.ResidPost(0).Compute(x.Select(0, 1))),
		"no edit of blocks.0":        rows.Capture(hook.ResidPost(0).Label("features")),
		`labelled there: ["f"]`:      rows.Edit(hook.ResidPost(0).Watch("f", x.Norm())).Capture(hook.ResidPost(0).Label("g")),
		"coord":                      rows.Edit(hook.ResidPost(0).Watch("f", x.Norm())).Capture(hook.ResidPost(0).Label("f").Coord(1)),
		"read, and not changed":      rows.Edit(hook.ResidPost(0).Label("f").Zero()),
		`tensor "V" is wanted`:       rows.Edit(hook.ResidPost(0).Watch("f", x.Norm())).Metric(model.LogProbOf(1)).GradTensor("V"),
		"is free":                    rows.Edit(hook.ResidPost(0).Compute(formula.Free("u", 32))),
		"in none":                    rows.Edit(hook.LNFinalNormalized().Compute(formula.At("blocks.0.hook_resid_pre"))),
	} {
		t.Run(want, func(t *testing.T) {
			if _, err := m.Run(r); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v", err)
			}
		})
	}
}
