package random

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/golens/golens/model/weights"
)

// A Shape is the sizes of a random GPT-2.
type Shape struct {
	Name                                        string
	Layers, Heads, DModel, DMLP, Vocab, Context int
}

// Shapes from a toy to GPT-2 small.
var (
	Tiny      = Shape{"tiny", 2, 2, 32, 128, 97, 64}
	Small     = Shape{"small", 4, 4, 256, 1024, 5000, 256}
	GPT2Small = Shape{"gpt2-small", 12, 12, 768, 3072, 50257, 1024}
)

// Params is the number of values in the blocks' matrices: a forward pass takes
// twice as many operations per token, beside attention and the unembedding.
func (s Shape) Params() int { return s.Layers * (4*s.DModel*s.DModel + 2*s.DModel*s.DMLP) }

// GPT2 writes a GPT-2 with random weights of type F32, F16 or BF16 to a folder
// that exists, as Hugging Face would publish it: config.json and
// model.safetensors. The same shape, type and seed give the same bytes. It holds
// all weights in memory twice while it writes: a gigabyte for [GPT2Small].
func GPT2(dir string, s Shape, dtype string, seed uint64) error {
	if err := s.check(); err != nil {
		return fmt.Errorf("random GPT-2: %w", err)
	}
	config, err := json.Marshal(map[string]any{
		"model_type": "gpt2", "n_layer": s.Layers, "n_head": s.Heads, "n_embd": s.DModel, "n_inner": s.DMLP,
		"vocab_size": s.Vocab, "n_positions": s.Context, "n_ctx": s.Context, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5,
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "config.json"), config, 0o644)
	}
	if err == nil {
		err = weights.Write(filepath.Join(dir, "model.safetensors"), dtype, tensors(s, seed))
	}
	if err != nil {
		return fmt.Errorf("random GPT-2: %w", err)
	}
	return nil
}

// check finds sizes that make no model.
func (s Shape) check() error {
	for _, n := range []int{s.Layers, s.Heads, s.DModel, s.DMLP, s.Vocab, s.Context} {
		if n < 1 {
			return fmt.Errorf("%+v: every size must be at least 1", s)
		}
	}
	if s.DModel%s.Heads != 0 {
		return fmt.Errorf("a width of %d cannot be split over %d heads", s.DModel, s.Heads)
	}
	return nil
}

// tensors draws weights around 0, and around 1 for the norms', wide enough that
// every part of the model matters.
func tensors(s Shape, seed uint64) []weights.Tensor {
	rng := rand.New(rand.NewPCG(seed, 0))
	var all []weights.Tensor
	add := func(name string, around float32, shape ...int) {
		n := 1
		for _, d := range shape {
			n *= d
		}
		values := make([]float32, n)
		for i := range values {
			values[i] = around + (rng.Float32()-0.5)*0.3
		}
		all = append(all, weights.Tensor{Name: "transformer." + name, Shape: shape, Values: values})
	}
	norm := func(name string) {
		add(name+".weight", 1, s.DModel)
		add(name+".bias", 0, s.DModel)
	}
	linear := func(name string, in, out int) {
		add(name+".weight", 0, in, out)
		add(name+".bias", 0, out)
	}
	add("wte.weight", 0, s.Vocab, s.DModel)
	add("wpe.weight", 0, s.Context, s.DModel)
	for l := range s.Layers {
		h := fmt.Sprintf("h.%d.", l)
		norm(h + "ln_1")
		linear(h+"attn.c_attn", s.DModel, 3*s.DModel)
		linear(h+"attn.c_proj", s.DModel, s.DModel)
		norm(h + "ln_2")
		linear(h+"mlp.c_fc", s.DModel, s.DMLP)
		linear(h+"mlp.c_proj", s.DMLP, s.DModel)
	}
	norm("ln_f")
	return all
}
