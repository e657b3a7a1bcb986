package model_test

import (
	"fmt"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// interchange are pyvene's recordings of interventions between two batches, made by
// testdata's make_interchange.py.
type interchange struct {
	m               *model.Model
	want            map[string]*array.Array
	clean, corrupt  model.Request
	wrongs          []int32
	R, R5, T, masks formula.Expr
}

func newInterchange(t *testing.T, name string) interchange {
	t.Helper()
	dirs := modeltest.Families(t)
	m, err := model.Open(dirs[name])
	if err != nil {
		t.Fatal(err)
	}
	rows := modeltest.OracleIn(t, dirs["gpt2"], "sweeps.safetensors")
	x := interchange{m: m, want: modeltest.OracleIn(t, dirs[name], "interchange.safetensors")}
	tokens := func(name string) (all [][]int32) {
		a := rows[name]
		n := a.Shape()[1]
		for i := 0; i < len(a.Values()); i += n {
			var row []int32
			for _, v := range a.Values()[i : i+n] {
				row = append(row, int32(v))
			}
			all = append(all, row)
		}
		return all
	}
	x.clean.Rows, x.corrupt.Rows = tokens("clean"), tokens("corrupted")
	for _, v := range rows["wrongs"].Values() {
		x.wrongs = append(x.wrongs, int32(v))
	}
	x.R, x.R5 = formula.Tensor("R", x.want["rotation"]), formula.Tensor("R5", x.want["rotation_low_rank"])
	x.masks = formula.Tensor("masks", x.want["masks"])
	return x
}

// counting is 0, 1, 2 and so on.
func counting(n int) formula.Expr {
	a := array.New(array.Dim("i", n))
	for i := range a.Values() {
		a.Values()[i] = float32(i)
	}
	return formula.Tensor("i", a)
}

// rotated is x and the source's first k rotated coordinates, swapped and rotated
// back.
func rotated(R formula.Expr, coords ...int) formula.Expr {
	x, s := formula.Here().Dot(R), formula.Source().Dot(R)
	return x.Put(s.Select(coords...), coords...).Dot(R.Transpose())
}

// mixed is the mixture of rotated coordinates by a mask, rotated back.
func mixed(R, mask formula.Expr) formula.Expr {
	x, s := formula.Here().Dot(R), formula.Source().Dot(R)
	return x.Add(s.Sub(x).Mul(mask)).Dot(R.Transpose())
}

// boundless is the mask of boundless DAS: coordinates up to a share of d, softly.
func boundless(d int, boundary, temperature formula.Expr) formula.Expr {
	i := counting(d)
	return i.Div(temperature).Sigmoid().Mul(boundary.Scale(float32(d)).Sub(i).Div(temperature).Sigmoid())
}

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// Interventions by formulas are those of pyvene: whole, of heads, of coordinates,
// rotated, low-rank, boundless and masked.
func TestFormulasEqualPyvene(t *testing.T) {
	for _, name := range []string{"gpt2", "llama"} {
		t.Run(name, func(t *testing.T) {
			x := newInterchange(t, name)
			d := x.m.Config().DModel
			here, s := formula.Here(), formula.Source()
			block := hook.ResidPost(1).At(6)
			number := formula.Number
			cases := map[string]hook.Edit{
				"block_output.0.pos6":                                       hook.ResidPost(0).At(6).Compute(s),
				"block_output.2.pos6":                                       hook.ResidPost(2).At(6).Compute(s),
				"block_input.1.pos6":                                        hook.ResidPre(1).At(6).Compute(s),
				"block_output.1.pos3and6":                                   hook.ResidPost(1).At(3, 6).Compute(s),
				"block_output.1.source3_base6":                              block.Compute(formula.Source([]int{3})),
				"mlp_input.1.pos6":                                          hook.LN2Normalized(1).At(6).Compute(s),
				"mlp_activation.1.pos6":                                     hook.MLPPost(1).At(6).Compute(s),
				"mlp_output.1.pos6":                                         hook.MLPOut(1).At(6).Compute(s),
				"attention_input.1.pos6":                                    hook.LN1Normalized(1).At(6).Compute(s),
				"attention_output.1.pos6":                                   hook.AttnOut(1).At(6).Compute(s),
				"attention_value_output.1.pos6":                             hook.Z(1).At(6).Compute(s),
				"query_output.1.pos6":                                       hook.Q(1).At(6).Compute(s),
				"key_output.1.pos6":                                         hook.K(1).At(6).Compute(s),
				"value_output.1.pos6":                                       hook.V(1).At(6).Compute(s),
				"head_query_output.1.head2.pos6":                            hook.Q(1).Head(2).At(6).Compute(s),
				"head_value_output.1.heads0and3.pos10":                      hook.V(1).Head(0, 3).At(10).Compute(s),
				"head_attention_value_output.1.heads0and3.pos10":            hook.Z(1).Head(0, 3).At(10).Compute(s),
				"block_output.1.pos6.dims0_1_2_5":                           block.Coord(0, 1, 2, 5).Compute(s),
				"addition.block_output.1.pos6":                              block.Compute(here.Add(s)),
				"subtraction.block_output.1.pos6":                           block.Compute(here.Sub(s)),
				"zero.block_output.1.pos6":                                  block.Compute(number(0)),
				"rotated.block_output.1.pos6.k1":                            block.Compute(rotated(x.R, 0)),
				"rotated.block_output.1.pos6.k8":                            block.Compute(rotated(x.R, upTo(8)...)),
				"rotated.block_output.1.pos6.k32":                           block.Compute(rotated(x.R, upTo(32)...)),
				"rotated.block_output.1.pos6.dims2_3_9":                     block.Compute(rotated(x.R, 2, 3, 9)),
				"rotated.mlp_output.1.pos6.k8":                              hook.MLPOut(1).At(6).Compute(rotated(x.R, upTo(8)...)),
				"low_rank.block_output.1.pos6.k5":                           block.Compute(here.Add(s.Sub(here).Dot(x.R5).Dot(x.R5.Transpose()))),
				"sigmoid_mask_rotated.block_output.1.pos6.temperature0.5":   block.Compute(mixed(x.R, x.masks.Div(number(.5)).Sigmoid())),
				"sigmoid_mask.block_output.1.pos6.temperature0.5":           block.Compute(here.Add(s.Sub(here).Mul(x.masks.Div(number(.5)).Sigmoid()))),
				"boundless.block_output.1.pos6.boundary0.5.temperature50.0": block.Compute(mixed(x.R, boundless(d, number(.5), number(50)))),
				"boundless.block_output.1.pos6.boundary0.3.temperature2.0":  block.Compute(mixed(x.R, boundless(d, number(.3), number(2)))),
				"boundless.block_output.1.pos6.boundary0.25.temperature0.1": block.Compute(mixed(x.R, boundless(d, number(.25), number(.1)))),
				"boundless.block_output.1.pos6.boundary0.9.temperature1.0":  block.Compute(mixed(x.R, boundless(d, number(.9), number(1)))),
			}
			if name == "llama" {
				delete(cases, "mlp_activation.1.pos6") // pyvene's is before the product with the gate's other branch
			}
			sweep := model.Sweep{Base: x.clean, Source: x.corrupt, Captures: []hook.Point{hook.Logits().At(6, 10)}}
			for name, e := range cases {
				if x.want[name] == nil {
					t.Fatalf("%s was not recorded", name)
				}
				sweep.Variants = append(sweep.Variants, model.Variant{Name: name, Edits: []hook.Edit{e}})
			}
			got, err := x.m.Sweep(sweep)
			if err != nil {
				t.Fatal(err)
			}
			most := 0.0
			for i, v := range sweep.Variants {
				logits := got.Captures[0].Array.Select(hook.Variant, i).Squeeze(hook.Variant)
				d := modeltest.MaxDiff(logits, x.want[v.Name])
				most = max(most, d)
				if !(d < 5e-5) { // of the fixtures
					t.Errorf("%s differs by %.1e", v.Name, d)
				}
			}
			t.Logf("%d interventions differ by at most %.1e", len(cases), most)
		})
	}
}

// One step of SGD from pyvene's rotations has its loss and its gradients, by the
// rotation as a free matrix, the boundary and the temperature.
func TestFitEqualsPyvene(t *testing.T) {
	for _, name := range []string{"gpt2", "llama"} {
		x := newInterchange(t, name)
		d := x.m.Config().DModel
		here, s := formula.Here(), formula.Source()
		const rate = .1
		R, R5 := formula.Free("R", d, d), formula.Free("R", d, 5)
		one := func(v float32) *array.Array { return array.Of([]float32{v}, array.Dim("a", 1)) }
		for step, c := range map[string]struct {
			f    formula.Expr
			find []model.Find
			by   map[string]string
		}{
			"rotated_k8": {rotated(R, upTo(8)...), []model.Find{{Name: "R", Start: x.want["rotation"]}}, map[string]string{"R": "grad_rotation"}},
			"low_rank_k5": {here.Add(s.Sub(here).Dot(R5).Dot(R5.Transpose())), []model.Find{{Name: "R", Start: x.want["rotation_low_rank"]}},
				map[string]string{"R": "grad_rotation"}},
			"boundless": {mixed(R, boundless(d, formula.Free("boundary", 1), formula.Free("temperature", 1))),
				[]model.Find{{Name: "R", Start: x.want["rotation"]}, {Name: "boundary", Start: one(.3)}, {Name: "temperature", Start: one(2)}},
				map[string]string{"R": "grad_rotation", "boundary": "grad_boundary", "temperature": "grad_temperature"}},
		} {
			t.Run(name+" "+step, func(t *testing.T) {
				got, err := x.m.Fit(model.Fit{
					Base:   x.clean.Edit(hook.ResidPost(1).At(6).Compute(c.f)).Metric(model.LogProbOf(x.wrongs...)),
					Source: x.corrupt, Find: c.find, Loss: []model.Loss{{Weight: -1}},
					Optimizer: model.Optimizer{Kind: "sgd", Rate: rate}, Steps: 1,
				})
				if err != nil {
					t.Fatal(err)
				}
				if want := float64(x.want["step."+step+".loss"].Values()[0]); abs(got.Curve[0].Loss-want) > 1e-5 {
					t.Errorf("loss %g, want %g", got.Curve[0].Loss, want)
				}
				for i, p := range c.find {
					grad := x.want["step."+step+"."+c.by[p.Name]]
					for k, v := range got.Tensors[i].Array.Values() {
						g := (p.Start.Values()[k] - v) / rate
						if abs(float64(g-grad.Values()[k])) > 2e-5*max(1, abs(float64(grad.Values()[k]))) { // float32, over a step of a tenth
							t.Fatalf("gradient of %s at %d is %g, want %g", p.Name, k, g, grad.Values()[k])
						}
					}
				}
			})
		}
	}
}

// Three steps of the tuned lens, its translators fitted together, are those of its
// authors' program: each reads the stream into a block and stands in front of the
// unembedding, and only the last block is run.
func TestFitEqualsTunedLens(t *testing.T) {
	for _, name := range []string{"gpt2", "llama"} {
		t.Run(name, func(t *testing.T) {
			dir := modeltest.Families(t)[name]
			m, err := model.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			want, start := modeltest.OracleIn(t, dir, "tuned_lens.safetensors"), modeltest.OracleIn(t, dir, "tuned_lens_start.safetensors")
			d, layers, n := m.Config().DModel, m.Config().Layers, want["tokens"].Shape()[1]
			fit := model.Fit{
				// The mean over all rows is a third of the sum of the layers' means.
				Loss: []model.Loss{{Weight: float64(layers)}}, Clip: 1, Steps: 3,
				Optimizer: model.Optimizer{Kind: "sgd", Rate: .1, Momentum: .9, Nesterov: true, Decay: 1e-3, Schedule: "linear"},
			}
			for l := range layers { // rows 2l and 2l+1 are layer l's
				for i := range 2 {
					row := make([]int32, n)
					for k := range row {
						row[k] = int32(want["tokens"].Values()[i*n+k])
					}
					fit.Base.Rows = append(fit.Base.Rows, row)
				}
				W, b := fmt.Sprint(l, ".weight"), fmt.Sprint(l, ".bias")
				h := formula.At(hook.ResidPre(l).String())
				lens := h.Add(h.Dot(formula.Free(W, d, d).Transpose())).Add(formula.Free(b, d))
				fit.Base = fit.Base.Edit(hook.ResidPost(layers-1).Row(2*l, 2*l+1).Compute(lens))
				fit.Find = append(fit.Find, model.Find{Name: W, Start: start[W]}, model.Find{Name: b, Start: start[b]})
			}
			fit.Base = fit.Base.Metric(model.KL(nil).AtPositions(upTo(n)...))
			got, err := m.Fit(fit)
			if err != nil {
				t.Fatal(err)
			}
			loss := 0.0
			for l := range layers {
				loss += float64(want[fmt.Sprint("tuned_lens.kl.", l)].Values()[0])
			}
			if abs(got.Curve[0].Loss-loss) > 1e-5 || abs(got.Curve[0].Norm-float64(want["grad_norm"].Values()[0])) > 1e-4 {
				t.Errorf("first loss %g and norm %g, want %g and %g", got.Curve[0].Loss, got.Curve[0].Norm, loss, want["grad_norm"].Values()[0])
			}
			for _, f := range got.Tensors {
				if d := modeltest.MaxDiff(f.Array, want["after_step3."+f.Name]); !(d < 1e-5) {
					t.Errorf("%s differs by %.1e", f.Name, d)
				}
			}
		})
	}
}
