package lens_test

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/lens"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/weights"
)

// recordedLens is what tuned-lens' own program made on a tiny model.
func recordedLens(t *testing.T, name string) (m *model.Model, want map[string]*array.Array, start *lens.Tuned, rows model.Prompts) {
	t.Helper()
	dir := modeltest.Families(t)[name]
	m = open(t, dir)
	want = modeltest.OracleIn(t, dir, "tuned_lens.safetensors")
	tensors := modeltest.OracleIn(t, dir, "tuned_lens_start.safetensors")
	start = &lens.Tuned{}
	for l := range m.Config().Layers {
		start.Weights = append(start.Weights, tensors[fmt.Sprint(l, ".weight")])
		start.Biases = append(start.Biases, tensors[fmt.Sprint(l, ".bias")])
	}
	return m, want, start, m.Rows(modeltest.Rows(want["tokens"]))
}

// Losses of every layer are tuned-lens', and three steps of training give its
// translators.
func TestTunedLensEqualsItsAuthors(t *testing.T) {
	for _, name := range []string{"gpt2", "llama"} {
		t.Run(name, func(t *testing.T) {
			m, want, start, rows := recordedLens(t, name)
			kl, err := lens.Divergence(m, start, rows)
			if err != nil {
				t.Fatal(err)
			}
			loss, err := lens.CrossEntropy(m, start, rows)
			if err != nil {
				t.Fatal(err)
			}
			for l := range m.Config().Layers {
				if w := want[fmt.Sprint("tuned_lens.kl.", l)].Scalar(); !(math.Abs(kl.At(l)-w) < 1e-5) {
					t.Errorf("layer %d: KL %g, want %g", l, kl.At(l), w)
				}
				if w := want[fmt.Sprint("tuned_lens.cross_entropy.", l)]; w != nil && !(math.Abs(loss.At(l)-w.Scalar()) < 1e-5) {
					t.Errorf("layer %d: cross entropy %g, want %g", l, loss.At(l), w.Scalar())
				}
			}
			if end := kl.At(m.Config().Layers); math.Abs(end) > 1e-5 {
				t.Errorf("the model's own end diverges by %g", end)
			}
			got, err := lens.Tune{Steps: 3, Batch: 2, From: start}.Tune(m, rows)
			if err != nil {
				t.Fatal(err)
			}
			for l := range m.Config().Layers {
				for part, a := range map[string]*array.Array{"weight": got.Weights[l], "bias": got.Biases[l]} {
					if d := modeltest.MaxDiff(a, want[fmt.Sprintf("after_step3.%d.%s", l, part)]); !(d < 1e-5) {
						t.Errorf("%d.%s differs by %.1e after three steps", l, part, d)
					}
				}
			}
		})
	}
}

// An untrained tuned lens is the logit lens, and so is a Jacobian of identities.
func TestUntrainedIsTheLogitLens(t *testing.T) {
	m := open(t, modeltest.Dir())
	d := m.Config().DModel
	rows := m.Rows([][]int32{{3, 1, 4, 1, 5, 9}})
	metric := model.NLL()
	want, err := lens.Logit(m, rows, metric)
	if err != nil {
		t.Fatal(err)
	}
	tuned, jacobian := &lens.Tuned{}, &lens.Jacobian{}
	for range m.Config().Layers {
		one := array.New(array.Dim("out", d), array.Dim("in", d))
		for i := range d {
			one.Set(1, i, i)
		}
		tuned.Weights = append(tuned.Weights, array.New(one.Axes()...))
		jacobian.J = append(jacobian.J, one)
	}
	for _, by := range []lens.Lens{lens.Plain, tuned, jacobian} {
		got, err := lens.Read(m, by, rows, metric)
		if err != nil {
			t.Fatal(err)
		}
		skipped := want.Dim("layer") - got.Dim("layer") // a Jacobian has no entry for the embedding
		for l := range got.Values() {
			if d := got.At(l) - want.At(l+skipped); math.Abs(d) > 1e-5 {
				t.Errorf("%s: entry %d differs by %g", by.Name(), l, d)
			}
		}
	}
}

// A model in which the embedding of each token stands rotated until the last block turns
// it: the logit lens is wrong, the tuned lens recovers the rotation.
func TestTunedLensRecoversRotation(t *testing.T) {
	const vocab, context = 8, 4
	m := open(t, rotating(t, vocab, context))
	var rows [][]int32
	rng := rand.New(rand.NewPCG(1, 1))
	for range 32 {
		row := make([]int32, context)
		for i := range row {
			row[i] = rng.Int32N(vocab)
		}
		rows = append(rows, row)
	}
	p := m.Rows(rows)
	before, err := lens.Divergence(m, lens.Plain, p)
	if err != nil {
		t.Fatal(err)
	}
	tuned, err := lens.Tune{Steps: 300, Batch: 16, Rate: .05, Adam: true}.Tune(m, p)
	if err != nil {
		t.Fatal(err)
	}
	after, err := lens.Divergence(m, tuned, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("logit lens %v, tuned lens %v", before.Values(), after.Values())
	if before.At(0) < 1 || after.At(0) > .02 {
		t.Errorf("before the rotation the logit lens diverges by %g, the tuned lens by %g", before.At(0), after.At(0))
	}
	trace, err := lens.Trace(m, tuned, p.Row(0))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := lens.Trace(m, lens.Plain, p.Row(0))
	if err != nil {
		t.Fatal(err)
	}
	for pos := range context {
		if trace.Depth.At(pos) != 0 || plain.Depth.At(pos) != 1 {
			t.Errorf("position %d: depth %g by the tuned lens, %g by the logit lens; want 0 and 1", pos, trace.Depth.At(pos), plain.Depth.At(pos))
		}
		if d := math.Abs(plain.KL.At(1, pos)); d > 1e-5 {
			t.Errorf("the end diverges from itself by %g", d)
		}
	}
}

// A lens trained over a stream is the one that its authors' program makes of the same
// rows, and one that broke off goes on as if it had not.
func TestTunedLensOver(t *testing.T) {
	m, want, start, rows := recordedLens(t, "gpt2")
	var all []model.TallyRow
	for range 3 { // the recording has the same batch in each step
		for _, row := range rows.IDs[:2] {
			all = append(all, model.TallyRow{Tokens: row})
		}
	}
	gone := errors.New("the disk is gone")
	upTo := func(n int) iter.Seq2[model.TallyRow, error] {
		return func(yield func(model.TallyRow, error) bool) {
			for _, row := range all[:n] {
				if !yield(row, nil) {
					return
				}
			}
			yield(model.TallyRow{}, gone)
		}
	}
	o := lens.Tune{Steps: 3, Batch: 2, From: start}
	got, err := o.Over(t.Context(), m, upTo(6))
	if err != nil {
		t.Fatal(err)
	}
	part, err := o.Over(t.Context(), m, upTo(3))
	if !errors.Is(err, gone) || part == nil || part.Curve.Dim("step") != 1 {
		t.Fatalf("cut off: %v, %v", part, err)
	}
	all, o.From = all[2:], part
	again, err := o.Over(t.Context(), m, upTo(4))
	if err != nil {
		t.Fatal(err)
	}
	for l := range m.Config().Layers {
		if d := modeltest.MaxDiff(got.Weights[l], want[fmt.Sprintf("after_step3.%d.weight", l)]); !(d < 1e-5) {
			t.Errorf("translator %d differs by %.1e from its authors'", l, d)
		}
		if !slices.Equal(again.Weights[l].Values(), got.Weights[l].Values()) || !slices.Equal(again.Biases[l].Values(), got.Biases[l].Values()) {
			t.Errorf("translator %d is another one after the training broke off", l)
		}
	}
	if _, err := (lens.Tune{Steps: 1, Batch: 2}).Over(t.Context(), m, func(yield func(model.TallyRow, error) bool) {
		_ = yield(model.TallyRow{Tokens: []int32{1, 2}}, nil) && yield(model.TallyRow{Tokens: []int32{1}}, nil)
	}); err == nil || !strings.Contains(err.Error(), "row 1 has 1 tokens") {
		t.Errorf("rows of two lengths: %v", err)
	}
}

// rotating is a model without norms of one block, whose head looks at its own position
// and exchanges each token for its neighbour: token 2i and 2i+1.
func rotating(t *testing.T, vocab, context int) string {
	h := modeltest.ByHand(t, map[string]any{"n_embd": vocab + context, "d_head": vocab + context, "vocab_size": vocab, "n_positions": context})
	for p := range context {
		h.Add("pos_embed.W_pos", 1, p, vocab+p)
		h.Head(0, 0, "W_Q", vocab+p, vocab+p, 60)
		h.Head(0, 0, "W_K", vocab+p, vocab+p, 1)
	}
	for v := range vocab {
		h.Add("embed.W_E", 1, v, v)
		h.Head(0, 0, "W_V", v, v, 1)
		// Its own coordinate is taken away, its neighbour's is written.
		h.Head(0, 0, "W_O", v, v, -1)
		h.Head(0, 0, "W_O", v^1, v, 1)
		h.Add("unembed.W_U", 6, v, v)
	}
	return h.Dir()
}

// In a model that is linear along the token's coordinates the Jacobian is the product of
// its layers' matrices, exactly, and that of the last is the identity.
func TestJacobianOfLinearNet(t *testing.T) {
	const d, context, layers = 3, 8, 3
	rng := rand.New(rand.NewPCG(5, 5))
	h := modeltest.ByHand(t, map[string]any{"n_layer": layers, "n_embd": d + context, "d_head": d + context, "vocab_size": 5, "n_positions": context})
	var W [layers][d][d]float64
	for p := range context {
		h.Add("pos_embed.W_pos", 1, p, d+p)
	}
	for l := range layers {
		for p := range context {
			h.Head(l, 0, "W_Q", d+p, d+p, 90)
			h.Head(l, 0, "W_K", d+p, d+p, 1)
		}
		for i := range d {
			h.Head(l, 0, "W_V", i, i, 1)
			for k := range d {
				W[l][i][k] = float64(rng.IntN(9)-4) / 8
				h.Head(l, 0, "W_O", k, i, float32(W[l][i][k]))
			}
		}
	}
	for v := range 5 {
		for i := range d {
			h.Add("embed.W_E", rng.Float32(), v, i)
			h.Add("unembed.W_U", rng.Float32(), v, i)
		}
	}
	m := open(t, h.Dir())
	rows := m.Rows([][]int32{{0, 1, 2, 3, 4, 3, 2, 1}, {4, 3, 2, 1, 0, 1}})
	got, err := lens.Differentiate{Skip: 2, Together: 4}.Fit(m, rows)
	if err != nil {
		t.Fatal(err)
	}
	want := [d][d]float64{} // [in][out]
	for i := range d {
		want[i][i] = 1
	}
	for l := layers - 1; l >= 0; l-- {
		for in := range d {
			for out := range d {
				if v := got.J[l].At(out, in); math.Abs(v-want[in][out]) > 1e-5 {
					t.Errorf("layer %d, %d by %d: %g, want %g", l, out, in, v, want[in][out])
				}
			}
		}
		next := [d][d]float64{}
		for i := range d {
			for k := range d {
				next[i][k] = want[i][k]
				for j := range d {
					next[i][k] += W[l][i][j] * want[j][k]
				}
			}
		}
		want = next
	}
	if got.Prompts != 2 {
		t.Errorf("%d prompts", got.Prompts)
	}
	path := filepath.Join(t.TempDir(), "j.safetensors")
	if err := got.Save(path); err != nil {
		t.Fatal(err)
	}
	again, err := lens.OpenJacobian(path, layers)
	if err != nil || again.Prompts != 2 || modeltest.MaxDiff(again.J[1], got.J[1]) != 0 {
		t.Errorf("%v, %v", again, err)
	}
	pt := filepath.Join(t.TempDir(), "j.pt")
	if err := weights.WriteTorch(pt, []weights.Tensor{{Name: "J.1", Shape: got.J[1].Shape(), Values: got.J[1].Values()}}); err != nil {
		t.Fatal(err)
	}
	if some, err := lens.OpenJacobian(pt, layers); err != nil || some.J[0] != nil || modeltest.MaxDiff(some.J[1], got.J[1]) != 0 {
		t.Errorf("%v, %v", some, err)
	}
	if _, err := lens.OpenJacobian(pt, 1); err == nil || !strings.Contains(err.Error(), "no block of a model of 1 layers") {
		t.Errorf("%v", err)
	}
}

// After a swap each of two tokens is read with the other's strength.
func TestSwap(t *testing.T) {
	m := open(t, modeltest.Dir())
	rows := m.Rows([][]int32{{3, 1, 4, 1, 5, 9}})
	j, err := lens.Differentiate{Skip: 1}.Fit(m, rows)
	if err != nil {
		t.Fatal(err)
	}
	const layer, a, b = 1, 7, 11
	swap, err := j.Swap(m, layer, a, b)
	if err != nil {
		t.Fatal(err)
	}
	u, err := m.Products(model.Chain{model.WU().Of(a, b).T()})
	if err != nil {
		t.Fatal(err)
	}
	d := m.Config().DModel
	read := func(r model.Request) (c [2]float64) { // along the two directions, by their dual basis
		run, err := m.Run(r.Capture(hook.ResidPost(layer).At(-1)))
		if err != nil {
			t.Fatal(err)
		}
		h := run.At(hook.ResidPost(layer).At(-1)).Values()
		var v [2][]float64
		for k := range v {
			v[k] = make([]float64, d)
			for i := range d {
				for o := range d {
					v[k][i] += u[0].At(k, o) * j.J[layer].At(o, i)
				}
			}
		}
		dot := func(x, y []float64) (s float64) {
			for i := range x {
				s += x[i] * y[i]
			}
			return s
		}
		var wide []float64
		for _, x := range h {
			wide = append(wide, float64(x))
		}
		aa, ab, bb := dot(v[0], v[0]), dot(v[0], v[1]), dot(v[1], v[1])
		ha, hb := dot(wide, v[0]), dot(wide, v[1])
		det := aa*bb - ab*ab
		return [2]float64{(bb*ha - ab*hb) / det, (aa*hb - ab*ha) / det}
	}
	before, after := read(rows.Request()), read(rows.Edit(swap))
	if math.Abs(before[0]-after[1]) > 1e-4 || math.Abs(before[1]-after[0]) > 1e-4 || math.Abs(before[0]-before[1]) < 1e-3 {
		t.Errorf("%v became %v", before, after)
	}
}

// What tuned-lens' own program saved is opened, from its .pt and as safetensors, and what
// is saved here is the same.
func TestTunedLensFiles(t *testing.T) {
	m, want, start, rows := recordedLens(t, "gpt2")
	dir := t.TempDir()
	start.Model = "tiny-gpt2"
	if err := start.Save(dir); err != nil {
		t.Fatal(err)
	}
	for _, without := range []string{"none", "params.safetensors"} {
		os.Remove(filepath.Join(dir, without))
		got, err := lens.OpenTuned(dir)
		if err != nil {
			t.Fatal(err)
		}
		kl, err := lens.Divergence(m, got, rows)
		if err != nil {
			t.Fatal(err)
		}
		if w := want["tuned_lens.kl.0"].Scalar(); got.Model != "tiny-gpt2" || math.Abs(kl.At(0)-w) > 1e-5 {
			t.Errorf("%s: KL %g, want %g", got.Model, kl.At(0), w)
		}
	}
	raw, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil || !strings.Contains(string(raw), `"base_model_name_or_path":"tiny-gpt2","d_model":32,"num_hidden_layers":3,"bias":true,`) {
		t.Errorf("%s, %v", raw, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"lens_type":"other"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := lens.OpenTuned(dir); err == nil || !strings.Contains(err.Error(), `type "other"`) {
		t.Errorf("%v", err)
	}
}
