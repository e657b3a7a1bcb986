package model_test

import (
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// sweepTolerance is what the recordings are to be met within: they are float64,
// and a metric is the difference of two logits that float32 knows to 1e-5.
const sweepTolerance = 1e-4

// recordedSweeps are the batches and the grids that TransformerLens recorded.
func recordedSweeps(t *testing.T) (recorded map[string]*array.Array, clean, corrupted model.Request) {
	t.Helper()
	recorded = modeltest.Oracle(t, "sweeps.safetensors")
	metric := model.LogitDiff(choice(recorded["answers"]), choice(recorded["wrongs"]))
	clean = model.Request{Rows: modeltest.Rows(recorded["clean"])}.Metric(metric)
	corrupted = model.Request{Rows: modeltest.Rows(recorded["corrupted"])}.Metric(metric)
	return recorded, clean, corrupted
}

func sweep(t testing.TB, m *model.Model, s model.Sweep) *model.SweepResult {
	t.Helper()
	res, err := m.Sweep(s)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// Clean activations put into the corrupted run, as TransformerLens does it.
func TestPatchingEqualsTransformerLens(t *testing.T) {
	m := open(t)
	recorded, clean, corrupted := recordedSweeps(t)
	c := m.Config()
	const positions = 11
	for name, at := range map[string]func(layer, pos, head int) hook.Point{
		"patch.resid_pre": func(l, pos, _ int) hook.Point { return hook.ResidPre(l).At(pos) },
		"patch.mlp_out":   func(l, pos, _ int) hook.Point { return hook.MLPOut(l).At(pos) },
		"patch.z.all_pos": func(l, _, head int) hook.Point { return hook.Z(l).Head(head) },
		"patch.z.by_pos":  func(l, pos, head int) hook.Point { return hook.Z(l).Head(head).At(pos) },
	} {
		s := model.Sweep{Base: corrupted, Source: clean}
		for l := range c.Layers {
			for pos := range positions {
				for head := range c.Heads {
					if !strings.Contains(name, "z") && head > 0 || name == "patch.z.all_pos" && pos > 0 {
						continue
					}
					s.Variants = append(s.Variants, model.Variant{Edits: []hook.Edit{at(l, pos, head).FromSource()}})
				}
			}
		}
		got := sweep(t, m, s)
		if d := modeltest.MaxDiff(got.Metric(0), recorded[name]); !(d <= sweepTolerance) {
			t.Errorf("%s differs by %.1e", name, d)
		}
		if d := abs(got.Base.Metric() - recorded["corrupted_metric"].Scalar()); d > sweepTolerance {
			t.Errorf("base metric differs by %.1e", d)
		}
		if d := abs(got.Source.Metric() - recorded["clean_metric"].Scalar()); d > sweepTolerance {
			t.Errorf("source metric differs by %.1e", d)
		}
	}
}

// A corrupted head's way to the final residual stream: other heads keep their
// clean z, MLPs are recomputed or keep their output too.
func TestPathPatchingEqualsPeers(t *testing.T) {
	m := open(t)
	recorded, clean, corrupted := recordedSweeps(t)
	c := m.Config()
	for name, frozen := range map[string]bool{"path.resid.mlps_recomputed": false, "path.resid.mlps_frozen": true} {
		s := model.Sweep{Base: clean, Source: corrupted}
		for l := range c.Layers {
			for head := range c.Heads {
				var edits []hook.Edit
				for k := range c.Layers {
					edits = append(edits, hook.Z(k).Freeze())
					if frozen {
						edits = append(edits, hook.MLPOut(k).Freeze())
					}
				}
				s.Variants = append(s.Variants, model.Variant{Edits: append(edits, hook.Z(l).Head(head).FromSource())})
			}
		}
		if d := modeltest.MaxDiff(sweep(t, m, s).Metric(0), recorded[name]); !(d <= sweepTolerance) {
			t.Errorf("%s differs by %.1e", name, d)
		}
	}
}
