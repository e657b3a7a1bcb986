package sae

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/dictionary"
)

// OpenTranscoders opens transcoders of all layers, in circuit-tracer's format: per
// layer (layer_N.safetensors), or across layers (W_enc_N.safetensors,
// W_dec_N.safetensors), or by a config.yaml that names where each is. The name is as
// in [Open].
func OpenTranscoders(m *model.Model, name string) (Set, error) {
	return OpenTranscodersOf(m, name, "")
}

// OpenTranscodersOf is [OpenTranscoders] with the name of the model that they are of, where
// their files say another; "" leaves it to them.
func OpenTranscodersOf(m *model.Model, name, of string) (Set, error) {
	fail := func(err error) (Set, error) { return nil, fmt.Errorf("transcoders %s: %w", name, err) }
	path, err := locate(context.Background(), m, name)
	if err != nil {
		return fail(err)
	}
	c, err := readSetConfig(path)
	if err != nil {
		return fail(err)
	}
	var set Set
	switch {
	case exists(filepath.Join(path, "W_enc_0.safetensors")):
		set, err = crossLayer(path, c)
	case len(c.Transcoders) > 0:
		set, err = listed(m, c)
	default:
		set, err = perLayer(path, c)
	}
	if err != nil {
		return fail(err)
	}
	for i, d := range set {
		d.Path = fmt.Sprintf("%s, layer %d", name, i)
		d.Layout, d.Model = "circuit-tracer", cmp.Or(of, d.Model)
		if err := d.Check(); err != nil {
			return fail(fmt.Errorf("layer %d: %w", i, err))
		}
		if set[i], err = d.For(m); err != nil {
			return fail(err)
		}
	}
	if n := m.Config().Layers; len(set) != n {
		return fail(fmt.Errorf("they are of %d layers; %s has %d", len(set), m.Info().Name, n))
	}
	return set, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// perLayer reads layer_0.safetensors and so on, without a gap.
func perLayer(path string, c setConfig) (set Set, err error) {
	for l := 0; ; l++ {
		file := filepath.Join(path, fmt.Sprintf("layer_%d.safetensors", l))
		if !exists(file) {
			break
		}
		d, err := transcoder(file, file, l, c)
		if err != nil {
			return nil, fmt.Errorf("layer_%d.safetensors: %w", l, err)
		}
		d.Layers = 1
		set = append(set, d)
	}
	if files, _ := filepath.Glob(filepath.Join(path, "layer_*.safetensors")); len(files) > len(set) { // the pattern is right
		return nil, fmt.Errorf("layer_%d.safetensors is missing, there are %d others", len(set), len(files))
	}
	if len(set) == 0 {
		return nil, fmt.Errorf("no layer_0.safetensors or W_enc_0.safetensors; %w", unknown(path))
	}
	return set, nil
}

// listed opens what a configuration names, hf://ORGANIZATION/REPOSITORY/FILE, in the
// order of layers.
func listed(m *model.Model, c setConfig) (set Set, err error) {
	for l, ref := range c.Transcoders {
		name, query, _ := strings.Cut(strings.TrimPrefix(ref, "hf://"), "?")
		if revision, ok := strings.CutPrefix(query, "revision="); ok {
			name += "@" + revision
		}
		path, err := locate(context.Background(), m, name)
		if err != nil {
			return nil, fmt.Errorf("layer %d, %s: %w", l, ref, err)
		}
		var d *Dictionary
		if strings.HasSuffix(path, ".safetensors") {
			d, err = transcoder(path, name, l, c)
		} else if d, err = read(path, name, Options{}); err == nil {
			err = d.hooks(l, c)
		}
		if err != nil {
			return nil, fmt.Errorf("layer %d, %s: %w", l, ref, err)
		}
		d.Layers = 1
		set = append(set, d)
	}
	return set, nil
}

// crossLayer reads transcoders that write to their own layer and all above it.
func crossLayer(path string, c setConfig) (set Set, err error) {
	var layers int
	for exists(filepath.Join(path, fmt.Sprintf("W_enc_%d.safetensors", layers))) {
		layers++
	}
	for l := range layers {
		d, err := acrossFrom(path, l, layers, c)
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", l, err)
		}
		set = append(set, d)
	}
	return set, nil
}

func acrossFrom(path string, l, layers int, c setConfig) (*Dictionary, error) {
	t, err := readSafetensors(filepath.Join(path, fmt.Sprintf("W_enc_%d.safetensors", l)))
	if err != nil {
		return nil, err
	}
	w, err := readSafetensors(filepath.Join(path, fmt.Sprintf("W_dec_%d.safetensors", l)))
	if err != nil {
		return nil, err
	}
	enc, err := t.need(fmt.Sprintf("W_enc_%d", l))
	if err != nil {
		return nil, err
	}
	dec, err := w.need(fmt.Sprintf("W_dec_%d", l))
	if err != nil {
		return nil, err
	}
	if len(enc.shape) != 2 || !slices.Equal(dec.shape, []int{enc.shape[0], layers - l, enc.shape[1]}) {
		return nil, fmt.Errorf("tensor W_enc_%d is %v and W_dec_%d is %v, of %d layers", l, enc.shape, l, dec.shape, layers)
	}
	d := &Dictionary{Coder: &dictionary.Coder{Kind: dictionary.Standard, In: enc.shape[1], Features: enc.shape[0], Out: (layers - l) * enc.shape[1]},
		Layers: layers - l, Model: c.Model, BOS: true}
	d.WEnc, d.WDec = enc.transposed().values, dec.values
	d.BDec = make([]float32, d.Out) // of its own layer, and zeros for those above
	if x, ok := t.first(fmt.Sprintf("b_dec_%d", l)); ok {
		copy(d.BDec, x.values)
	}
	b, err := t.need(fmt.Sprintf("b_enc_%d", l))
	if err != nil {
		return nil, err
	}
	d.BEnc = b.values
	if x, ok := t[fmt.Sprintf("threshold_%d", l)]; ok {
		d.Kind, d.Threshold = dictionary.JumpReLU, x.wide(d.Features)
	}
	if _, ok := t.first("W_skip", fmt.Sprintf("W_skip_%d", l)); ok {
		return nil, fmt.Errorf("a skip connection of a cross-layer transcoder is not read")
	}
	return d, d.hooks(l, c)
}
