package ship

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/weights"
)

// DType is the type of all shipped weights: half the size of float32, with its
// range, and exact for small whole numbers and powers of two.
const DType = "BF16"

// Weights are a safetensors file of the parameters, rounded to [DType].
func Weights(params arch.Params) ([]byte, error) {
	var all []weights.Tensor
	for _, name := range params.Names() {
		all = append(all, weights.Tensor{Name: name, Shape: params[name].Shape, Values: params[name].Data})
	}
	return weights.Encode(DType, all)
}

// Config is a config.json of the attn_only family.
func Config(c config.Config) ([]byte, error) {
	f := map[string]any{
		"model_type": c.Family, "vocab_size": c.Vocab, "n_positions": c.Context, "n_embd": c.DModel, "n_layer": c.Layers,
		"n_head": c.Heads, "d_head": c.DHead, "norm": c.Norm, "attn_scale": c.Scale, "bos_token_id": c.BOS,
	}
	if c.Norm != config.NormNone {
		f["layer_norm_epsilon"] = c.Eps
	}
	if !c.AttnOnly() {
		f["n_inner"], f["activation_function"] = c.DMLP, c.Act
	}
	if c.EOS != nil {
		f["eos_token_id"] = c.EOS
	}
	return JSON(f)
}

// JSON is indented JSON whose keys are sorted, so that it is always the same.
func JSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return b.Bytes(), err
}

// Write writes files, named by their slash-separated paths, below dir.
func Write(dir string, files map[string][]byte) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}
