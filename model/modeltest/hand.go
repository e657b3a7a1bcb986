package modeltest

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/weights"
)

// A Hand makes a network by hand: attention only, of any of the features that
// golens' own format has (grouped heads, norms at any place, capped logits). All
// weights are zero, and norms do nothing beyond norming, until they are set.
type Hand struct {
	t       testing.TB
	config  map[string]any
	dHead   int
	shapes  map[string][]int
	tensors map[string][]float32
}

// ByHand begins a network. Without a word on it, it has one layer, one head,
// scores that are not scaled, and no norm.
func ByHand(t testing.TB, config map[string]any) *Hand {
	t.Helper()
	all := map[string]any{"model_type": "attn_only", "n_layer": 1, "n_head": 1, "norm": "none", "attn_scale": 1}
	maps.Copy(all, config)
	h := &Hand{t: t, config: all, tensors: map[string][]float32{}}
	c, _, err := arch.Parse(h.json())
	if err != nil {
		t.Fatal(err)
	}
	h.dHead, h.shapes = c.DHead, arch.Shapes(c)
	return h
}

func (h *Hand) json() []byte {
	h.t.Helper()
	raw, err := json.Marshal(h.config)
	if err != nil {
		h.t.Fatal(err)
	}
	return raw
}

// Add adds to the value of a weight at an index, such as row and column. W_U is
// [vocab, d_model]; all others are as in model.Factor.
func (h *Hand) Add(name string, v float32, index ...int) *Hand {
	h.t.Helper()
	shape := h.shapes[name]
	if len(shape) != len(index) {
		h.t.Fatalf("weight %s has shape %v; index %v", name, shape, index)
	}
	at, size := 0, 1
	for i, n := range shape {
		if index[i] < 0 || index[i] >= n {
			h.t.Fatalf("weight %s has shape %v; index %v", name, shape, index)
		}
		at, size = at*n+index[i], size*n
	}
	if h.tensors[name] == nil {
		h.tensors[name] = make([]float32, size)
	}
	h.tensors[name][at] += v
	return h
}

// Head adds to a weight of one head, W_Q, W_K, W_V or W_O, at one of its own
// coordinates and one of the residual stream.
func (h *Hand) Head(layer, head int, matrix string, resid, own int, v float32) *Hand {
	h.t.Helper()
	name := arch.LayerName(layer, "attn."+matrix)
	if at := head*h.dHead + own; matrix == "W_O" {
		h.Add(name, v, at, resid)
	} else {
		h.Add(name, v, resid, at)
	}
	return h
}

// Dir writes the network to a temporary folder.
func (h *Hand) Dir() string {
	h.t.Helper()
	dir := h.t.TempDir()
	var tensors []weights.Tensor
	for name, shape := range h.shapes {
		values := h.tensors[name]
		if values == nil && len(shape) == 1 {
			continue // a bias, or the weight of a norm
		}
		if values == nil {
			values = make([]float32, shape[0]*shape[1])
		}
		tensors = append(tensors, weights.Tensor{Name: name, Shape: shape, Values: values})
	}
	err := os.WriteFile(filepath.Join(dir, "config.json"), h.json(), 0o644)
	if err == nil {
		err = weights.Write(filepath.Join(dir, "model.safetensors"), "F32", tensors)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return dir
}
