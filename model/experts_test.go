package model_test

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/tally"
)

// withExperts are the tiny models that have some, and a layer of each that does.
func withExperts(t *testing.T, do func(t *testing.T, m *model.Model, layer int, request model.Request)) {
	for _, name := range []string{"mixtral", "qwen3_moe"} {
		t.Run(name, func(t *testing.T) {
			dir := modeltest.Families(t)[name]
			m, err := model.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			tokens := modeltest.Rows(modeltest.OracleIn(t, dir, "oracle.safetensors")["tokens"])
			do(t, m, 1, m.Rows(tokens).Request())
		})
	}
}

// A router chooses the experts with the largest weights, whose gates sum to one;
// the neurons of the others are still.
func TestRoutersChoose(t *testing.T) {
	withExperts(t, func(t *testing.T, m *model.Model, layer int, request model.Request) {
		c := m.Config()
		r := run(t, m, request.Capture(hook.Router(layer), hook.ExpertWeights(layer), hook.ExpertGates(layer), hook.MLPPost(layer)))
		router, weights, gates, post := r.At(hook.Router(layer)), r.At(hook.ExpertWeights(layer)), r.At(hook.ExpertGates(layer)), r.At(hook.MLPPost(layer))
		for row := range request.Rows {
			for pos := range request.Rows[row] {
				total, chosen := 0.0, 0.0
				var largest []float64
				for e := range c.Experts {
					total += math.Exp(router.At(row, pos, e))
					largest = append(largest, weights.At(row, pos, e))
				}
				slices.Sort(largest)
				least := largest[c.Experts-c.Chosen]
				for _, w := range largest[c.Experts-c.Chosen:] {
					chosen += w
				}
				for e := range c.Experts {
					if want := math.Exp(router.At(row, pos, e)) / total; math.Abs(weights.At(row, pos, e)-want) > 1e-6 {
						t.Fatalf("row %d, position %d: expert %d has weight %g, want %g", row, pos, e, weights.At(row, pos, e), want)
					}
					want := 0.0
					if weights.At(row, pos, e) >= least {
						want = weights.At(row, pos, e) / chosen
					}
					if math.Abs(gates.At(row, pos, e)-want) > 1e-6 {
						t.Fatalf("row %d, position %d: expert %d has gate %g, want %g", row, pos, e, gates.At(row, pos, e), want)
					}
					for _, n := range c.ExpertNeurons(e) {
						if v := post.At(row, pos, n); want == 0 && v != 0 {
							t.Fatalf("row %d, position %d: neuron %d of expert %d, which is not chosen, is %g", row, pos, n, e, v)
						}
					}
				}
			}
		}
	})
}

// An expert without its gate says nothing: that is as if its neurons were still.
// One that the router never chooses is replaced by another.
func TestExpertsAreKnockedOut(t *testing.T) {
	withExperts(t, func(t *testing.T, m *model.Model, layer int, request model.Request) {
		c := m.Config()
		at := []hook.Point{hook.MLPOut(layer), hook.ExpertGates(layer), hook.Logits()}
		whole := run(t, m, request.Capture(at...))
		for e := range c.Experts {
			silent := run(t, m, request.Edit(hook.ExpertGates(layer).Coord(e).Zero()).Capture(at...))
			still := run(t, m, request.Edit(hook.MLPPost(layer).Coord(c.ExpertNeurons(e)...).Zero()).Capture(at...))
			if d := modeltest.MaxDiff(silent.At(hook.Logits()), still.At(hook.Logits())); d > tolerance {
				t.Errorf("expert %d: without its gate logits are %g away from those without its neurons", e, d)
			}
			never := run(t, m, request.Edit(hook.Router(layer).Coord(e).Add(array.Of([]float32{-1e4}, array.Dim("expert", 1)))).Capture(at...))
			used, others := false, false
			for row := range request.Rows {
				for pos := range request.Rows[row] {
					had := whole.At(hook.ExpertGates(layer)).At(row, pos, e) > 0
					used = used || had
					n := 0
					for o := range c.Experts {
						if g := never.At(hook.ExpertGates(layer)).At(row, pos, o); g > 0 {
							n++
							others = others || o != e && whole.At(hook.ExpertGates(layer)).At(row, pos, o) == 0
						}
					}
					if n != c.Chosen || never.At(hook.ExpertGates(layer)).At(row, pos, e) != 0 {
						t.Fatalf("expert %d: %d are chosen in its place", e, n)
					}
				}
			}
			if changed := modeltest.MaxDiff(whole.At(hook.Logits()), silent.At(hook.Logits())) > 1e-3; changed != used || others != used {
				t.Errorf("expert %d is used %t, logits change %t, others are chosen %t", e, used, changed, others)
			}
		}
	})
}

// What an expert writes is patched by its neurons: with those of all experts and
// no others from another run, the MLP writes what it did there.
func TestExpertsArePatched(t *testing.T) {
	withExperts(t, func(t *testing.T, m *model.Model, layer int, request model.Request) {
		c := m.Config()
		source := request
		source.Rows = [][]int32{request.Rows[1], request.Rows[0]}
		s := model.Sweep{Base: request, Source: source, Captures: []hook.Point{hook.MLPOut(layer)}}
		all := model.Variant{Name: "all"}
		for e := range c.Experts {
			one := hook.MLPPost(layer).Coord(c.ExpertNeurons(e)...).FromSource()
			s.Variants = append(s.Variants, model.Variant{Name: "one", Edits: []hook.Edit{one}})
			all.Edits = append(all.Edits, one)
		}
		s.Variants = append(s.Variants, all)
		got, err := m.Sweep(s)
		if err != nil {
			t.Fatal(err)
		}
		was := run(t, m, request.Capture(hook.MLPOut(layer))).At(hook.MLPOut(layer))
		want := run(t, m, source.Capture(hook.MLPOut(layer))).At(hook.MLPOut(layer))
		if d := modeltest.MaxDiff(got.At(hook.MLPOut(layer)).Pick(hook.Variant, c.Experts), want); d > tolerance {
			t.Errorf("with all experts patched the MLP's output is %g away from the other run's", d)
		}
		sum := slices.Clone(was.Values())
		for e := range c.Experts {
			for i, v := range got.At(hook.MLPOut(layer)).Pick(hook.Variant, e).Values() {
				sum[i] += v - was.Values()[i]
			}
		}
		for i, v := range want.Values() {
			if math.Abs(float64(sum[i]-v)) > tolerance {
				t.Fatalf("changes by single experts sum to %g, not %g", sum[i], v)
			}
		}
	})
}

// How often each expert is chosen is a tally of its gate.
func TestExpertsAreCounted(t *testing.T) {
	withExperts(t, func(t *testing.T, m *model.Model, layer int, request model.Request) {
		c := m.Config()
		r := tally.Reducer{Point: hook.ExpertGates(layer), Kind: tally.Above}
		counted, err := m.Tally(model.Tally{Rows: request.Rows, Reducers: []tally.Reducer{r}})
		if err != nil {
			t.Fatal(err)
		}
		gates, chosen := run(t, m, request.Capture(hook.ExpertGates(layer))).At(hook.ExpertGates(layer)), 0.0
		for e := range c.Experts {
			n := 0
			for row := range request.Rows {
				for pos := range request.Rows[row] {
					if gates.At(row, pos, e) > 0 {
						n++
					}
				}
			}
			share := r.Share(counted.States[0]).At(e)
			if want := float64(n) / float64(counted.Tokens); math.Abs(share-want) > 1e-6 {
				t.Errorf("expert %d is chosen at %g of all positions, want %g", e, share, want)
			}
			chosen += share
		}
		if math.Abs(chosen-float64(c.Chosen)) > 1e-6 {
			t.Errorf("%g experts are chosen at a position, want %d", chosen, c.Chosen)
		}
	})
}

// A layer with one MLP between others has no router, and no more neurons than it
// has.
func TestLayersWithoutExperts(t *testing.T) {
	m, err := model.Open(filepath.Join(filepath.Dir(modeltest.Dir()), "qwen3_moe"))
	if err != nil {
		t.Fatal(err)
	}
	c := m.Config()
	if !c.Mixed() || c.HasExperts(0) || !c.HasExperts(1) {
		t.Fatalf("%+v", c.DenseLayers)
	}
	if _, err := m.Run(m.Rows([][]int32{{1, 2}}).Capture(hook.Router(0))); err == nil || !strings.Contains(err.Error(), "mlp.hook_router") {
		t.Errorf("error %v", err)
	}
	post := run(t, m, m.Rows([][]int32{{5, 6, 7}}).Capture(hook.MLPPost(0))).At(hook.MLPPost(0))
	for n := range c.DMLP {
		if moves := post.At(0, 1, n) != 0; moves != (n < 32) {
			t.Errorf("neuron %d of a layer with 32 moves: %t", n, moves)
		}
	}
}
