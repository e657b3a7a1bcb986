package model_test

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/weights"
)

// saveOf saves a model into a new folder.
func saveOf(t *testing.T, m *model.Model, changes ...model.Rewrite) (*model.Saved, *model.Model) {
	t.Helper()
	saved, err := m.Save(filepath.Join(t.TempDir(), "saved"), changes...)
	if err != nil {
		t.Fatal(err)
	}
	again, err := model.Open(saved.Dir)
	if err != nil {
		t.Fatal(err)
	}
	return saved, again
}

// far is the largest difference of two models' logits on rows of tokens.
func far(t *testing.T, a, b *model.Model, rows [][]int32) float64 {
	t.Helper()
	most := 0.0
	var all [2][]float32
	for i, m := range []*model.Model{a, b} {
		at := hook.Logits()
		if m.Config().Headless {
			at = hook.ResidPost(m.Config().Layers - 1)
		}
		r, err := m.Run(m.Rows(rows).Capture(at))
		if err != nil {
			t.Fatal(err)
		}
		all[i] = r.Captures[0].Array.Values()
	}
	if len(all[0]) != len(all[1]) {
		t.Fatalf("%d and %d logits", len(all[0]), len(all[1]))
	}
	for i, v := range all[0] {
		most = max(most, math.Abs(float64(v-all[1][i])))
	}
	return most
}

var savedRows = [][]int32{{3, 14, 15, 9, 26, 5}, {35, 8, 9, 79, 3, 2}}

// Every family that opens can be saved, and opens again as the same model.
func TestSavedModelsAreTheSame(t *testing.T) {
	for name, dir := range few(modeltest.Families(t), "gpt2", "mixtral") {
		t.Run(name, func(t *testing.T) {
			m, err := model.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			_, again := saveOf(t, m)
			if d := far(t, m, again, savedRows); !(d < 1e-5) {
				t.Errorf("logits differ by %g", d)
			}
		})
	}
	for _, name := range []string{"zoo:induction", "zoo:ioi-4l"} {
		m, err := model.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, again := saveOf(t, m); far(t, m, again, [][]int32{{0, 5, 9}}) != 0 {
			t.Errorf("%s: logits differ", name)
		}
	}
}

// Hugging Face's transformers opens what was saved, and computes the same logits
// within 1e-5 as on the model that was saved; that ours are theirs, the oracles
// say. GOLENS_PYTHON names a Python that has transformers.
func TestTransformersOpensWhatWasSaved(t *testing.T) {
	python := transformers(t)
	args := []string{filepath.Join("testdata", "logits_differ.py")}
	for name, dir := range modeltest.Families(t) {
		m, err := model.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		saved, _ := saveOf(t, m)
		args = append(args, name, dir, saved.Dir)
	}
	for name, cut := range cuts(t) { // whose logits are golens' own
		saved, m := saveOf(t, cut.model, cut.changes...)
		r, err := m.Run(m.Rows(savedRows).Capture(hook.Logits()))
		if err != nil {
			t.Fatal(err)
		}
		logits := r.Captures[0].Array
		file := filepath.Join(t.TempDir(), "logits.safetensors")
		if err := weights.Write(file, "F32", []weights.Tensor{{Name: "logits", Shape: logits.Shape(), Values: logits.Values()}}); err != nil {
			t.Fatal(err)
		}
		args = append(args, name, file, saved.Dir)
	}
	out, err := exec.Command(python, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// transformers is a Python that has it, else the test is skipped.
func transformers(t *testing.T) string {
	t.Helper()
	python := os.Getenv("GOLENS_PYTHON")
	if python == "" {
		python = "python3"
	}
	if out, err := exec.Command(python, "-c", "import torch, transformers").CombinedOutput(); err != nil {
		t.Skipf("%s has no transformers (%s); name one that has in GOLENS_PYTHON", python, strings.TrimSpace(string(out)))
	}
	return python
}

// A cut is a model from which heads and an MLP were taken, and the edits that do the
// same in a run.
type cut struct {
	model   *model.Model
	changes []model.Rewrite
	edits   []hook.Edit
}

// cuts take heads and an MLP away from models that can and cannot say how wide a
// head is, and leave means behind or nothing.
func cuts(t *testing.T) map[string]cut {
	t.Helper()
	all := map[string]cut{}
	for _, c := range []struct {
		name  string
		means bool
		heads [][]int // that stay
	}{
		{"gpt2", true, [][]int{{0, 2}, {}, nil}},
		{"llama_bias", true, [][]int{{1}, {0, 3}, {2}}},
		{"llama_gqa", false, [][]int{{1}, {0, 3}, {2}}},
		{"gemma3_text", false, nil},
		{"gpt_neox", true, [][]int{{0, 2}, {1}, nil}},
		{"bert", true, [][]int{{0, 2}, {}, nil}},
	} {
		m, err := model.Open(filepath.Join(filepath.Dir(modeltest.Dir()), c.name))
		if err != nil {
			t.Fatal(err)
		}
		cfg := m.Config()
		part := model.Part{Neurons: make([][]int, cfg.Layers)}
		part.Neurons[1] = []int{}
		part.Heads = c.heads
		if c.heads != nil {
			part.Heads = c.heads[:min(len(c.heads), cfg.Layers)]
			for len(part.Heads) < cfg.Layers {
				part.Heads = append(part.Heads, nil)
			}
		}
		heads := array.New(array.Dim("layer", cfg.Layers), array.Dim("head", cfg.Heads), array.Dim("d_model", cfg.DModel))
		mlps := array.New(array.Dim("layer", cfg.Layers), array.Dim("d_model", cfg.DModel))
		for i := range heads.Values() {
			heads.Values()[i] = float32(i%7-3) / 10
		}
		for i := range mlps.Values() {
			mlps.Values()[i] = float32(i%5-2) / 10
		}
		value := func(a *array.Array, pick ...int) *array.Array {
			width, at := cfg.DModel, 0
			for i, n := range pick {
				at = at*a.Shape()[i] + n
			}
			return array.Of(a.Values()[at*width:][:width], array.Dim("d_model", width))
		}
		x := cut{model: m}
		mlp := hook.MLPOut(1).Zero()
		if c.means {
			part.HeadMeans, part.MLPMeans = heads, mlps
			mlp = hook.MLPOut(1).Replace(value(mlps, 1))
		}
		x.edits = append(x.edits, mlp)
		for l, stay := range part.Heads {
			for h := range cfg.Heads {
				if stay == nil || slices.Contains(stay, h) {
					continue
				}
				edit := hook.HeadResult(l).Head(h).Zero()
				if c.means {
					edit = hook.HeadResult(l).Head(h).Replace(value(heads, l, h))
				}
				x.edits = append(x.edits, edit)
			}
		}
		x.changes = []model.Rewrite{{Part: &part}}
		all[c.name+" cut"] = x
	}
	return all
}

// A model cut down computes what the whole one does when those parts are edited.
func TestCutModelsAreEditedModels(t *testing.T) {
	for name, c := range cuts(t) {
		t.Run(name, func(t *testing.T) {
			saved, small := saveOf(t, c.model, c.changes...)
			want, err := c.model.Run(c.model.Rows(savedRows).Capture(hook.Logits()).Edit(c.edits...))
			if err != nil {
				t.Fatal(err)
			}
			got, err := small.Run(small.Rows(savedRows).Capture(hook.Logits()))
			if err != nil {
				t.Fatal(err)
			}
			if d := modeltest.MaxDiff(got.Captures[0].Array, want.Captures[0].Array); !(d < 2e-5) {
				t.Errorf("logits differ by %g", d)
			}
			t.Logf("%s: %d values", saved.Config, saved.Values)
		})
	}
}

// A bias that one layer gets, all get: the engine has one graph for all blocks.
func TestACutInOneLayer(t *testing.T) {
	m, err := model.Open("zoo:ioi-4l")
	if err != nil {
		t.Fatal(err)
	}
	c := m.Config()
	means := array.New(array.Dim("layer", c.Layers), array.Dim("head", c.Heads), array.Dim("d_model", c.DModel))
	for i := range means.Values() {
		means.Values()[i] = float32(i%3) / 10
	}
	part := model.Part{Heads: [][]int{nil, {0}, nil, nil}, HeadMeans: means}
	_, small := saveOf(t, m, model.Rewrite{Part: &part})
	var edits []hook.Edit
	for h := 1; h < c.Heads; h++ {
		edits = append(edits, hook.HeadResult(1).Head(h).Replace(array.Of(means.Values()[(c.Heads+h)*c.DModel:][:c.DModel], array.Dim("d_model", c.DModel))))
	}
	want, err := m.Run(m.Rows(savedRows).Capture(hook.Logits()).Edit(edits...))
	if err != nil {
		t.Fatal(err)
	}
	got, err := small.Run(small.Rows(savedRows).Capture(hook.Logits()))
	if err != nil {
		t.Fatal(err)
	}
	if d := modeltest.MaxDiff(got.Captures[0].Array, want.Captures[0].Array); !(d < 2e-5) {
		t.Errorf("logits differ by %g", d)
	}
}

// weightsOf are the tensors of a saved model.
func weightsOf(t *testing.T, dir string) map[string][]float32 {
	t.Helper()
	store, err := weights.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	all := map[string][]float32{}
	for _, name := range store.Names() {
		_, values, err := store.Float32(name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = slices.Clone(values)
	}
	return all
}

// Merged weights are what the formulas say of the weights of the two.
func TestMerges(t *testing.T) {
	const first, second = "zoo:godoc-2l@400", "zoo:godoc-2l@4000"
	m, err := model.Open(first)
	if err != nil {
		t.Fatal(err)
	}
	other, err := model.Open(second)
	if err != nil {
		t.Fatal(err)
	}
	saved, _ := saveOf(t, m)
	a := weightsOf(t, saved.Dir)
	saved, _ = saveOf(t, other)
	b := weightsOf(t, saved.Dir)
	dot := func(x, y []float32) (sum float64) {
		for i, v := range x {
			sum += float64(v) * float64(y[i])
		}
		return sum
	}
	for name, c := range map[string]struct {
		merge model.Merge
		mix   func(x, y []float32) (from, to float64)
	}{
		"mean":            {model.Merge{With: []string{second}}, func(_, _ []float32) (float64, float64) { return 0.5, 0.5 }},
		"task arithmetic": {model.Merge{With: []string{second}, Weights: []float64{1.5}}, func(_, _ []float32) (float64, float64) { return -0.5, 1.5 }},
		"slerp": {model.Merge{With: []string{second}, Weights: []float64{0.25}, Slerp: true}, func(x, y []float32) (float64, float64) {
			cos := dot(x, y) / math.Sqrt(dot(x, x)*dot(y, y))
			if !(cos < 0.9995) { // parallel, or one that is 0
				return 0.75, 0.25
			}
			angle := math.Acos(cos)
			return math.Sin(0.75*angle) / math.Sin(angle), math.Sin(0.25*angle) / math.Sin(angle)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			saved, _ := saveOf(t, m, model.Rewrite{Merge: &c.merge})
			for tensor, got := range weightsOf(t, saved.Dir) {
				from, to := c.mix(a[tensor], b[tensor])
				for i, v := range got {
					want := from*float64(a[tensor][i]) + to*float64(b[tensor][i])
					if math.Abs(float64(v)-want) > 1e-6 {
						t.Fatalf("%s[%d] is %g, want %g", tensor, i, v, want)
					}
				}
			}
		})
	}
	if _, err := m.Save(t.TempDir(), model.Rewrite{Merge: &model.Merge{With: []string{"zoo:induction"}}}); err == nil || !strings.Contains(err.Error(), "another kind of model") {
		t.Errorf("merging models of two shapes: %v", err)
	}
}

// A direction written into weights does what the same edit of the stream does.
func TestDirectionsInWeights(t *testing.T) {
	m := open(t)
	vector := make([]float32, m.Config().DModel)
	for i := range vector {
		vector[i] = float32(i%5-2) / 4
	}
	direction := hook.Vec(vector...)
	var everywhere []hook.Edit
	everywhere = append(everywhere, hook.ResidPre(0).ProjectOut(direction))
	for l := range m.Config().Layers {
		everywhere = append(everywhere, hook.AttnOut(l).ProjectOut(direction), hook.MLPOut(l).ProjectOut(direction))
	}
	doubled := slices.Clone(vector)
	for i := range doubled {
		doubled[i] *= 2
	}
	for name, c := range map[string]struct {
		write model.Direction
		edits []hook.Edit
	}{
		"added":     {model.Direction{Vector: vector, Layer: 1, Times: 2}, []hook.Edit{hook.ResidPost(1).Add(hook.Vec(doubled...))}},
		"embedding": {model.Direction{Vector: vector, Layer: -1}, []hook.Edit{hook.ResidPre(0).Add(direction)}},
		"removed":   {model.Direction{Vector: vector, Remove: true}, everywhere},
	} {
		t.Run(name, func(t *testing.T) {
			_, changed := saveOf(t, m, model.Rewrite{Direction: &c.write})
			want, err := m.Run(m.Rows(savedRows).Capture(hook.Logits()).Edit(c.edits...))
			if err != nil {
				t.Fatal(err)
			}
			got, err := changed.Run(changed.Rows(savedRows).Capture(hook.Logits()))
			if err != nil {
				t.Fatal(err)
			}
			if d := modeltest.MaxDiff(got.Captures[0].Array, want.Captures[0].Array); !(d < 2e-5) {
				t.Errorf("logits differ by %g", d)
			}
		})
	}
}

// What cannot be written is an error that says why.
func TestBadSavesAreErrors(t *testing.T) {
	gpt2 := open(t)
	family := func(name string) *model.Model {
		m, err := model.Open(filepath.Join(filepath.Dir(modeltest.Dir()), name))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	width := func(m *model.Model) []float32 { return slices.Repeat([]float32{1}, m.Config().DModel) }
	folded, err := gpt2.Process(model.Standard)
	if err != nil {
		t.Fatal(err)
	}
	mistral, olmo2 := family("mistral"), family("olmo2")
	for name, c := range map[string]struct {
		m      *model.Model
		change []model.Rewrite
		says   string
	}{
		"nothing in it":      {gpt2, []model.Rewrite{{}}, "must have one"},
		"a layer too many":   {gpt2, []model.Rewrite{{Part: &model.Part{Layers: []int{0, 3}}}}, "layer 3"},
		"no layer":           {gpt2, []model.Rewrite{{Part: &model.Part{Layers: []int{}}}}, "no layer stays"},
		"a head twice":       {gpt2, []model.Rewrite{{Part: &model.Part{Heads: [][]int{{1, 1}, nil, nil}}}}, "head 1 is kept twice"},
		"heads of two":       {gpt2, []model.Rewrite{{Part: &model.Part{Heads: [][]int{{1}, nil}}}}, "2 layers; 3 stay"},
		"a width":            {gpt2, []model.Rewrite{{Part: &model.Part{Residual: []int{1, 2, 3}}}}, "gpt2 cannot have these sizes"},
		"means":              {gpt2, []model.Rewrite{{Part: &model.Part{MLPMeans: array.New(array.Dim("layer", 3))}}}, "MLPMeans [layer, d_model] has shape [3]"},
		"no place":           {mistral, []model.Rewrite{{Direction: &model.Direction{Vector: width(mistral)}}}, "have no place"},
		"behind a norm":      {olmo2, []model.Rewrite{{Direction: &model.Direction{Vector: width(olmo2)}}}, "normalizes what is written"},
		"a short direction":  {gpt2, []model.Rewrite{{Direction: &model.Direction{Vector: []float32{1}}}}, "has 1 values"},
		"a folded norm":      {folded, nil, "weight unembed.b_U: the files of model type gpt2 have no place for it"},
		"no model to merge":  {gpt2, []model.Rewrite{{Merge: &model.Merge{}}}, "merges with no model"},
		"a model that isn't": {gpt2, []model.Rewrite{{Merge: &model.Merge{With: []string{"zoo:none"}}}}, "zoo:none"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := c.m.Save(t.TempDir(), c.change...); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error is %v, want one that says %q", err, c.says)
			}
		})
	}
}
