package lens

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/files"
	"github.com/golens/golens/model/weights"
)

// tunedConfig is the config.json of the tuned-lens library.
type tunedConfig struct {
	Base     string  `json:"base_model_name_or_path"`
	DModel   int     `json:"d_model"`
	Layers   int     `json:"num_hidden_layers"`
	Bias     bool    `json:"bias"`
	Revision *string `json:"base_model_revision"`
	Unembed  *string `json:"unembed_hash"`
	Type     string  `json:"lens_type"`
}

const tunedType = "linear_tuned_lens"

// Save writes the lens to a folder that exists as the tuned-lens library does:
// config.json and params.pt, and the same tensors as params.safetensors.
func (t *Tuned) Save(dir string) error {
	if err := t.save(dir); err != nil {
		return fmt.Errorf("tuned lens: %w", err)
	}
	return nil
}

func (t *Tuned) save(dir string) error {
	if len(t.Weights) == 0 {
		return errors.New("it has no translators")
	}
	raw, err := json.Marshal(tunedConfig{Base: t.Model, DModel: t.Weights[0].Shape()[0], Layers: len(t.Weights), Bias: t.Biases != nil, Type: tunedType})
	if err != nil {
		return err
	}
	var tensors []weights.Tensor
	for l, w := range t.Weights {
		tensors = append(tensors, weights.Tensor{Name: weightOf(l), Shape: w.Shape(), Values: w.Values()})
		if t.Biases != nil {
			tensors = append(tensors, weights.Tensor{Name: biasOf(l), Shape: t.Biases[l].Shape(), Values: t.Biases[l].Values()})
		}
	}
	if err := weights.Write(filepath.Join(dir, "params.safetensors"), "F32", tensors); err != nil {
		return err
	}
	if err := weights.WriteTorch(filepath.Join(dir, "params.pt"), tensors); err != nil {
		return err
	}
	return files.Write(filepath.Join(dir, "config.json"), raw)
}

// OpenTuned reads a lens from a folder of the tuned-lens library: config.json with
// params.safetensors or params.pt.
func OpenTuned(dir string) (*Tuned, error) {
	t, err := openTuned(dir)
	if err != nil {
		return nil, fmt.Errorf("tuned lens: %w", err)
	}
	return t, nil
}

func openTuned(dir string) (*Tuned, error) {
	path := filepath.Join(dir, "config.json")
	raw, err := files.Read(path)
	if err != nil {
		return nil, err
	}
	var c tunedConfig
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if c.Type != tunedType || c.Layers < 1 || c.DModel < 1 || c.Layers > 1<<12 || c.DModel > 1<<20 {
		return nil, fmt.Errorf("%s: a lens of type %q with %d layers of width %d; %q is read", path, c.Type, c.Layers, c.DModel, tunedType)
	}
	store, err := weights.Open(filepath.Join(dir, "params.safetensors"))
	if errors.Is(err, fs.ErrNotExist) {
		store, err = weights.OpenTorch(filepath.Join(dir, "params.pt"))
	}
	if err != nil {
		return nil, err
	}
	defer store.Close()
	read := func(name string, axes ...array.Axis) (*array.Array, error) {
		_, values, err := store.Float32(name)
		if err != nil {
			return nil, err
		}
		a := array.Of(slices.Clone(values), axes...) // they lie in the file, which is closed
		if err := a.Err(); err != nil {
			return nil, fmt.Errorf("%s: tensor %s: %w", dir, name, err)
		}
		return a, nil
	}
	t := &Tuned{Model: c.Base}
	for l := range c.Layers {
		w, err := read(weightOf(l), array.Dim("out", c.DModel), array.Dim("in", c.DModel))
		if err != nil {
			return nil, err
		}
		t.Weights = append(t.Weights, w)
		if !c.Bias {
			continue
		}
		b, err := read(biasOf(l), array.Dim("out", c.DModel))
		if err != nil {
			return nil, err
		}
		t.Biases = append(t.Biases, b)
	}
	return t, nil
}
