//go:build !golens_cell

package model

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/files"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/surgery"
	"github.com/golens/golens/model/weights"
)

func init() { executes("save", (*local).save) }

// tokenizerFiles are what a folder may hold beside config and weights.
var tokenizerFiles = []string{"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
	"merges.txt", "vocab.txt", "tokenizer.model", "chat_template.jinja", "generation_config.json"}

func (l *local) save(ctx context.Context, s Save, _ string) (*Saved, error) {
	if err := s.check(l.config); err != nil {
		return nil, err
	}
	plan, err := l.processed(l.info.Processing)
	if err != nil {
		return nil, err
	}
	params, err := plan.Read()
	if err != nil {
		return nil, err
	}
	c := l.config
	for i, change := range s.Changes {
		if c, params, err = l.change(ctx, c, params, change); err != nil {
			return nil, fmt.Errorf("save: change %d: %w", i, err)
		}
	}
	raw, tensors, err := arch.Save(l.rawConfig, l.config, c, params)
	if err != nil {
		return nil, fmt.Errorf("save: %w", err)
	}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return nil, err
	}
	dtype := s.DType
	if dtype == "" {
		dtype = "F32"
	}
	if err := weights.Write(filepath.Join(s.Dir, "model.safetensors"), dtype, tensors); err != nil {
		return nil, fmt.Errorf("save: %w", err)
	}
	out := &Saved{Dir: s.Dir, Files: []string{"config.json", "model.safetensors"}, Config: c}
	for _, t := range tensors {
		out.Values += len(t.Values)
	}
	if err := files.Write(filepath.Join(s.Dir, "config.json"), raw); err != nil {
		return nil, err
	}
	for _, name := range tokenizerFiles {
		if l.inFolder == nil {
			break
		}
		data, err := fs.ReadFile(l.inFolder, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = files.Write(filepath.Join(s.Dir, name), data)
		}
		if err != nil {
			return nil, err
		}
		out.Files = append(out.Files, name)
	}
	if l.tokens != nil && l.inFolder == nil {
		out.Warnings = append(out.Warnings, "the tokenizer is inside of a GGUF file and was not written; copy tokenizer.json of the published model into the folder")
	}
	if c.Family == "attn_only" {
		out.Warnings = append(out.Warnings, "attn_only is golens' own model type; transformers does not know it")
	}
	return out, nil
}

// change does one change.
func (l *local) change(ctx context.Context, c config.Config, params arch.Params, change Rewrite) (config.Config, arch.Params, error) {
	switch {
	case change.Part != nil:
		p, err := change.Part.surgery(c)
		if err != nil {
			return c, nil, err
		}
		return p.Take(c, params, !widths(c.Family))
	case change.Merge != nil:
		params, err := merge(ctx, c, params, *change.Merge)
		return c, params, err
	}
	d := change.Direction
	var err error
	if d.Remove {
		params, err = surgery.Remove(c, params, d.Vector)
		return c, params, err
	}
	vector := slices.Clone(d.Vector)
	if d.Times != 0 {
		for i := range vector {
			vector[i] = float32(float64(vector[i]) * d.Times)
		}
	}
	params, err = surgery.Add(c, params, d.Layer, vector)
	return c, params, err
}

// widths tells whether a family's config.json can say how wide a head is.
func widths(family string) bool {
	keys, err := arch.Keys(family)
	return err == nil && slices.ContainsFunc(keys, func(k arch.Key) bool { return k.Name == "head_dim" || k.Name == "d_head" })
}

// surgery is the part as package surgery takes it.
func (p Part) surgery(c config.Config) (surgery.Part, error) {
	out := surgery.Part{Layers: p.Layers, Residual: p.Residual, Heads: p.Heads, HeadDims: p.HeadDims, Neurons: p.Neurons, Scale: p.Scale}
	shaped := func(name string, a *array.Array, dims ...int) error {
		if got := a.Shape(); !slices.Equal(got, dims) {
			return fmt.Errorf("%s has shape %v; it must be %v", name, got, dims)
		}
		return nil
	}
	if a := p.HeadMeans; a != nil {
		if err := shaped("HeadMeans [layer, head, d_model]", a, c.Layers, c.Heads, c.DModel); err != nil {
			return out, err
		}
		out.HeadMean = func(layer, head int) []float32 { return a.Values()[(layer*c.Heads+head)*c.DModel:][:c.DModel] }
	}
	if a := p.MLPMeans; a != nil {
		if err := shaped("MLPMeans [layer, d_model]", a, c.Layers, c.DModel); err != nil {
			return out, err
		}
		out.MLPMean = func(layer int) []float32 { return a.Values()[layer*c.DModel:][:c.DModel] }
	}
	return out, nil
}

// merge mixes other models in.
func merge(ctx context.Context, c config.Config, params arch.Params, m Merge) (arch.Params, error) {
	all := []arch.Params{params}
	for _, name := range m.With {
		s, err := openSource(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", name, err)
		}
		other := s.config
		other.Warnings, c.Warnings = nil, nil
		if !reflect.DeepEqual(other, c) {
			err = fmt.Errorf("%s is another kind of model (%s) than the one that it is merged with (%s)", name, other, c)
		}
		var read arch.Params
		if err == nil {
			read, err = s.raw.Read()
		}
		if err = errors.Join(err, s.store.Close()); err != nil {
			return nil, err
		}
		all = append(all, read)
	}
	if m.Slerp {
		return surgery.Slerp(params, all[1], m.Weights[0])
	}
	by := make([]float64, len(all))
	for i := range by {
		by[i] = 1 / float64(len(all))
	}
	if len(m.Weights) > 0 {
		by[0] = 1
		for i, w := range m.Weights {
			by[i+1], by[0] = w, by[0]-w
		}
	}
	return surgery.Sum(all, by)
}
