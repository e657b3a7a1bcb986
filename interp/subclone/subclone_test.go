package subclone_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/subclone"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/weights"
)

// sizes of a model made by hand, without norms.
type sizes struct{ layers, dModel, heads, dHead, dMLP int }

const vocab, context = 17, 12

// a tensor of such a model.
type tensor struct {
	shape  []int
	values []float32
}

// shapes are the tensors of a model.
func (s sizes) shapes() map[string][]int {
	all := map[string][]int{"embed.W_E": {vocab, s.dModel}, "pos_embed.W_pos": {context, s.dModel}, "unembed.W_U": {vocab, s.dModel}}
	for l := range s.layers {
		name := func(local string) string { return fmt.Sprintf("blocks.%d.%s", l, local) }
		for _, x := range []string{"Q", "K", "V"} {
			all[name("attn.W_"+x)] = []int{s.dModel, s.heads * s.dHead}
		}
		all[name("attn.W_O")] = []int{s.heads * s.dHead, s.dModel}
		all[name("mlp.W_in")], all[name("mlp.b_in")] = []int{s.dModel, s.dMLP}, []int{s.dMLP}
		all[name("mlp.W_out")] = []int{s.dMLP, s.dModel}
	}
	return all
}

// write writes the model and opens it.
func write(t *testing.T, s sizes, tensors map[string]tensor) *model.Model {
	t.Helper()
	dir := t.TempDir()
	config := fmt.Sprintf(`{"model_type": "attn_only", "vocab_size": %d, "n_positions": %d, "n_embd": %d, "n_layer": %d, "n_head": %d, "d_head": %d,
		"n_inner": %d, "norm": "none", "attn_scale": 0.5, "activation_function": "relu"}`, vocab, context, s.dModel, s.layers, s.heads, s.dHead, s.dMLP)
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	var all []weights.Tensor
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		all = append(all, weights.Tensor{Name: name, Shape: tensors[name].shape, Values: tensors[name].values})
	}
	if err := weights.Write(filepath.Join(dir, "model.safetensors"), "F32", all); err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func random(rng *rand.Rand, shapes map[string][]int) map[string]tensor {
	all := map[string]tensor{}
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		n := 1
		for _, d := range shapes[name] {
			n *= d
		}
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(rng.NormFloat64() * 0.25)
		}
		all[name] = tensor{shapes[name], values}
	}
	return all
}

// grown is the same model inside of a larger one: every width is padded with units
// that do nothing and permuted, and a block that does nothing stands twice in the
// middle.
func grown(rng *rand.Rand, small, large sizes, tensors map[string]tensor) map[string]tensor {
	all := map[string]tensor{}
	for name, shape := range large.shapes() {
		n := 1
		for _, d := range shape {
			n *= d
		}
		all[name] = tensor{shape, make([]float32, n)}
	}
	stream := rng.Perm(large.dModel)[:small.dModel]
	middle := (small.layers + 1) / 2
	for l := range large.layers {
		from := l
		if l >= middle {
			from -= large.layers - small.layers
		}
		heads, neurons := rng.Perm(large.heads)[:small.heads], rng.Perm(large.dMLP)[:small.dMLP]
		q := make([]int, small.heads*small.dHead)
		for h := range small.heads {
			for i, at := range rng.Perm(large.dHead)[:small.dHead] {
				q[h*small.dHead+i] = heads[h]*large.dHead + at
			}
		}
		if l >= middle && l < middle+large.layers-small.layers {
			continue // does nothing
		}
		put := func(local string, axes ...[]int) {
			spread(all[fmt.Sprintf("blocks.%d.%s", l, local)], tensors[fmt.Sprintf("blocks.%d.%s", from, local)], axes...)
		}
		for _, x := range []string{"Q", "K", "V"} {
			put("attn.W_"+x, stream, q)
		}
		put("attn.W_O", q, stream)
		put("mlp.W_in", stream, neurons)
		put("mlp.b_in", neurons)
		put("mlp.W_out", neurons, stream)
	}
	rows := func(n int) []int {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		return all
	}
	spread(all["embed.W_E"], tensors["embed.W_E"], rows(vocab), stream)
	spread(all["pos_embed.W_pos"], tensors["pos_embed.W_pos"], rows(context), stream)
	spread(all["unembed.W_U"], tensors["unembed.W_U"], rows(vocab), stream)
	return all
}

// spread puts values where the indices of each axis say.
func spread(to, from tensor, axes ...[]int) {
	if len(axes) == 1 {
		for i, at := range axes[0] {
			to.values[at] = from.values[i]
		}
		return
	}
	for i, row := range axes[0] {
		for j, col := range axes[1] {
			to.values[row*to.shape[1]+col] = from.values[i*from.shape[1]+j]
		}
	}
}

var rows = [][]int32{{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, {16, 0, 3, 3, 11, 2}}

func logits(t *testing.T, m *model.Model) []float32 {
	t.Helper()
	r, err := m.Run(m.Rows(rows).Capture(hook.Logits()))
	if err != nil {
		t.Fatal(err)
	}
	return r.Captures[0].Array.Values()
}

// A model inside of a larger one is found there again.
func TestAPaddedModelIsRecovered(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	small, large := sizes{4, 12, 2, 6, 10}, sizes{6, 20, 3, 9, 17}
	tensors := random(rng, small.shapes())
	want := logits(t, write(t, small, tensors))
	parent := write(t, large, grown(rng, small, large, tensors))
	if d := far(logits(t, parent), want); d > 1e-4 {
		t.Fatalf("the larger model is another: logits differ by %g", d)
	}
	size, err := subclone.Measure(parent, rows)
	if err != nil {
		t.Fatal(err)
	}
	part, err := size.Part(subclone.Shape{Layers: small.layers, DModel: small.dModel, Heads: small.heads, DHead: small.dHead, DMLP: small.dMLP, Unscaled: true})
	if err != nil {
		t.Fatal(err)
	}
	saved, err := parent.Save(t.TempDir(), model.Rewrite{Part: part})
	if err != nil {
		t.Fatal(err)
	}
	child, err := model.Open(saved.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if c := child.Config(); (sizes{c.Layers, c.DModel, c.Heads, c.DHead, c.DMLP}) != small {
		t.Errorf("the child is %s", c)
	}
	if d := far(logits(t, child), want); d > 1e-5 {
		t.Errorf("logits of the child differ by %g", d)
	}
}

func far(a, b []float32) float64 {
	most := 0.0
	for i, v := range a {
		if v == v || b[i] == b[i] { // NaN past the ends of both
			most = max(most, math.Abs(float64(v-b[i])))
		}
	}
	return most
}

// Scaling keeps the size of what a matrix gives.
func TestScaling(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	large := sizes{1, 64, 2, 8, 32}
	parent := write(t, large, random(rng, large.shapes()))
	size, err := subclone.Measure(parent, rows)
	if err != nil {
		t.Fatal(err)
	}
	part, err := size.Part(subclone.Shape{DModel: 16})
	if err != nil {
		t.Fatal(err)
	}
	saved, err := parent.Save(t.TempDir(), model.Rewrite{Part: part})
	if err != nil {
		t.Fatal(err)
	}
	of := func(dir, name string) []float32 {
		store, err := weights.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		_, values, err := store.Float32(name)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Clone(values)
	}
	whole, child := of(parent.Info().Name, "blocks.0.mlp.W_in"), of(saved.Dir, "blocks.0.mlp.W_in")
	for i, row := range part.Residual {
		for j := range large.dMLP {
			if got, want := child[i*large.dMLP+j], 2*whole[row*large.dMLP+j]; math.Abs(float64(got-want)) > 1e-6 {
				t.Fatalf("W_in[%d,%d] is %g, want %g: half as many inputs by a quarter, doubled", i, j, got, want)
			}
		}
	}
	if out := of(saved.Dir, "blocks.0.mlp.W_out"); math.Abs(float64(out[0]-of(parent.Info().Name, "blocks.0.mlp.W_out")[part.Residual[0]])) > 1e-6 {
		t.Error("W_out is scaled, though none of its inputs went")
	}
}

func TestMiddle(t *testing.T) {
	for _, c := range []struct {
		parent, child int
		want          []int
	}{
		{6, 4, []int{0, 1, 4, 5}}, {6, 3, []int{0, 1, 5}}, {4, 4, []int{0, 1, 2, 3}}, {4, 1, []int{0}},
		{4, 6, []int{0, 1, 1, 2, 2, 3}}, {3, 4, []int{0, 1, 1, 2}}, {1, 3, []int{0, 0, 0}},
	} {
		if got := subclone.Middle(c.parent, c.child); !slices.Equal(got, c.want) {
			t.Errorf("%d of %d layers: %v, want %v", c.child, c.parent, got, c.want)
		}
	}
}

func TestBadShapesAreErrors(t *testing.T) {
	m, err := model.Open("zoo:ioi-4l")
	if err != nil {
		t.Fatal(err)
	}
	size, err := subclone.Measure(m, [][]int32{{0, 5, 9, 7}})
	if err != nil {
		t.Fatal(err)
	}
	for says, s := range map[string]subclone.Shape{"100 d_model": {DModel: 100}, "-1 layers": {Layers: -1}, "9 heads": {Heads: 9}} {
		if _, err := size.Part(s); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error is %v, want one that says %q", err, says)
		}
	}
}
