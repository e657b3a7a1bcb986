package sae

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/dictionary"
	"github.com/golens/golens/model/files"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/weights"
)

// saeConfig is SAELens' cfg.json, of 6.0 and later with metadata apart, before that
// flat.
type saeConfig struct {
	Architecture string    `json:"architecture"`
	In           int       `json:"d_in"`
	Features     int       `json:"d_sae"`
	Out          int       `json:"d_out,omitempty"`
	K            int       `json:"k,omitempty"`
	Rescale      bool      `json:"rescale_acts_by_decoder_norm,omitempty"`
	DType        string    `json:"dtype"`
	Device       string    `json:"device"`
	Centre       *bool     `json:"apply_b_dec_to_input"`
	Normalize    any       `json:"normalize_activations"`
	Reshape      string    `json:"reshape_activations"`
	Metadata     *metadata `json:"metadata,omitempty"`
}

type metadata struct {
	Model    string         `json:"model_name,omitempty"`
	Hook     string         `json:"hook_name,omitempty"`
	HookOut  string         `json:"hook_name_out,omitempty"`
	HF       string         `json:"hf_hook_name,omitempty"`
	HFOut    string         `json:"hf_hook_name_out,omitempty"`
	Head     *int           `json:"hook_head_index,omitempty"`
	BOS      *bool          `json:"prepend_bos,omitempty"`
	Context  int            `json:"context_size,omitempty"`
	From     map[string]any `json:"model_from_pretrained_kwargs,omitempty"`
	Version  string         `json:"sae_lens_version,omitempty"`
	Training string         `json:"sae_lens_training_version,omitempty"`
}

// older is what configurations before 6.0 name otherwise.
type older struct {
	HookPoint  string         `json:"hook_point"`
	HookHead   *int           `json:"hook_point_head_index"`
	Activation string         `json:"activation_fn_str"`
	Newer      string         `json:"activation_fn"`
	Kwargs     map[string]any `json:"activation_fn_kwargs"`
	Finetuned  bool           `json:"finetuning_scaling_factor"`
	metadata
}

// centred are repositories whose dictionaries were trained on weights that
// TransformerLens had centred, which only SAELens' registry says.
var centred = []string{"jbloom/GPT2-Small-SAEs-Reformatted", "jbloom/GPT2-Small-Feature-Splitting-Experiment-Layer-8", "tommmcgrath/gpt2-small-mlp-out-saes"}

func readSAELens(path, name string) (*Dictionary, error) {
	var c saeConfig
	var flat older
	for _, v := range []any{&c, &flat} {
		if err := readJSON(filepath.Join(path, "cfg.json"), v, false); err != nil {
			return nil, err
		}
	}
	if c.Metadata == nil {
		c.Metadata = &flat.metadata
		if flat.HookPoint != "" {
			c.Metadata.Hook, c.Metadata.Head = flat.HookPoint, flat.HookHead
		}
		activation := flat.Activation
		if activation == "" {
			activation = flat.Newer
		}
		if c.Architecture == "" {
			c.Architecture = "standard"
		}
		switch activation {
		case "", "relu":
		case "topk":
			k, ok := flat.Kwargs["k"].(float64)
			if !ok {
				return nil, fmt.Errorf("cfg.json: activation topk without k")
			}
			c.Architecture, c.K = "topk", int(k)
		default:
			return nil, fmt.Errorf("cfg.json: activation %q; relu and topk are read", activation)
		}
		if c.Metadata.BOS == nil {
			yes := true
			c.Metadata.BOS = &yes
		}
		for _, repo := range centred {
			if strings.HasPrefix(name, repo) && c.Metadata.From == nil {
				c.Metadata.From = map[string]any{"center_writing_weights": true}
			}
		}
	}
	t, err := readSafetensors(filepath.Join(path, "sae_weights.safetensors"))
	if err != nil {
		return nil, err
	}
	if s, ok := t["scaling_factor"]; ok && slices.ContainsFunc(s.values, func(v float32) bool { return v != 1 }) {
		return nil, fmt.Errorf("sae_weights.safetensors: scaling_factor is not all ones (a finetuned dictionary), which is not read")
	}
	d := &Dictionary{Coder: &dictionary.Coder{In: c.In, Features: c.Features, Out: c.In, K: c.K, Rescale: c.Rescale, Centre: c.Centre == nil || *c.Centre}}
	if c.Out > 0 {
		d.Out = c.Out
	}
	switch c.Architecture {
	case "standard":
		d.Kind = dictionary.Standard
	case "topk", "jumprelu", "gated":
		d.Kind = dictionary.Kind(c.Architecture)
	case "transcoder", "skip_transcoder":
		d.Kind, d.Centre = dictionary.Standard, false
	case "jumprelu_transcoder", "jumprelu_skip_transcoder":
		d.Kind, d.Centre = dictionary.JumpReLU, false
	case "batchtopk", "matryoshka_batchtopk":
		return nil, fmt.Errorf("cfg.json: %s is a dictionary in training; save it for inference in SAELens (save_inference_model)", c.Architecture)
	default:
		return nil, fmt.Errorf("cfg.json: architecture %q; read are standard, topk, jumprelu, gated, transcoder, skip_transcoder, jumprelu_transcoder and jumprelu_skip_transcoder", c.Architecture)
	}
	switch n := c.Normalize.(type) {
	case nil:
	case bool:
		if n {
			d.Norm = dictionary.Expected
		}
	case string:
		d.Norm = dictionary.Norm(n)
		if n == "layer_norm" || n == "constant_norm_rescale" || n == "none" || n == "expected_average_only_in" {
			break
		}
		return nil, fmt.Errorf("cfg.json: normalize_activations %q; read are none, expected_average_only_in, constant_norm_rescale and layer_norm", n)
	default:
		return nil, fmt.Errorf("cfg.json: normalize_activations %v", n)
	}
	if err := d.fill(t); err != nil {
		return nil, err
	}
	return d, d.meta(c.Metadata)
}

// fill takes the tensors that SAELens names.
func (d *Dictionary) fill(t tensors) error {
	for name, to := range map[string]*[]float32{"W_enc": &d.WEnc, "W_dec": &d.WDec, "b_dec": &d.BDec, "b_enc": &d.BEnc, "threshold": &d.Threshold,
		"b_gate": &d.BGate, "r_mag": &d.RMag, "b_mag": &d.BMag, "W_skip": &d.WSkip} {
		if x, ok := t[name]; ok {
			*to = x.values
		}
	}
	enc, err := t.need("W_enc")
	if err != nil {
		return err
	}
	if !slices.Equal(enc.shape, []int{d.In, d.Features}) {
		return fmt.Errorf("tensor W_enc is %v, the configuration has %d features of width %d", enc.shape, d.Features, d.In)
	}
	dec, err := t.need("W_dec")
	if err != nil {
		return err
	}
	if !slices.Equal(dec.shape, []int{d.Features, d.Out}) {
		return fmt.Errorf("tensor W_dec is %v, the configuration has %d features for width %d", dec.shape, d.Features, d.Out)
	}
	return nil
}

// meta takes what is said of the model.
func (d *Dictionary) meta(m *metadata) error {
	d.Model, d.Context = m.Model, m.Context
	d.BOS = m.BOS != nil && *m.BOS
	var err error
	name := func(tl, hf string) string {
		if hf != "" && (tl == "" || strings.HasSuffix(tl, "hook_mlp_in")) {
			return hf
		}
		return tl
	}
	if n := name(m.Hook, m.HF); n != "" {
		if d.Read, d.BeforeGain, err = point(n); err != nil {
			return err
		}
	}
	if m.Head != nil {
		d.Read = d.Read.Head(*m.Head)
	}
	d.Write = d.Read
	if n := name(m.HookOut, m.HFOut); n != "" {
		if d.Write, _, err = point(n); err != nil {
			return err
		}
	} else if d.Out != d.In || d.WSkip != nil || d.Read.Kind == hook.KindLN2Norm {
		d.Write = hook.MLPOut(d.Read.Layer)
	}
	on := func(key string) bool { v, ok := m.From[key].(bool); return ok && v }
	d.Processing = model.Processing{FoldNorm: on("fold_ln"), CenterWriting: on("center_writing_weights"), CenterUnembed: on("center_unembed"), FoldValues: on("fold_value_biases")}
	return nil
}

// point reads a hook's name, TransformerLens' or that of a module of Hugging
// Face's, and tells whether it is a norm's output before the norm's weight.
func point(name string) (p hook.Point, beforeGain bool, err error) {
	name = strings.TrimPrefix(name, "transformer.")
	var layer int
	for _, form := range []string{"model.layers.%d", "layers.%d", "language_model.layers.%d", "model.language_model.layers.%d"} {
		if n, _ := fmt.Sscanf(name, form, &layer); n != 1 {
			continue
		}
		rest := strings.TrimPrefix(strings.TrimPrefix(name, fmt.Sprintf(form, layer)), ".")
		switch rest {
		case "", "output":
			return hook.ResidPost(layer), false, nil
		case "pre_feedforward_layernorm.output", "mlp.input":
			return hook.LN2Normalized(layer), false, nil
		case "post_feedforward_layernorm.output", "mlp.output", "mlp":
			return hook.MLPOut(layer), false, nil
		case "self_attn.o_proj.input":
			return hook.Z(layer), false, nil
		case "self_attn.output", "self_attn":
			return hook.AttnOut(layer), false, nil
		}
		return p, false, fmt.Errorf("%s is no module whose activation is known", name)
	}
	if n, _ := fmt.Sscanf(name, "blocks.%d.mlp.hook_in", &layer); n == 1 && strings.HasSuffix(name, ".mlp.hook_in") {
		return hook.LN2Normalized(layer), false, nil
	}
	p, err = hook.Parse(name)
	return p, p.Kind == hook.KindLN2Norm, err
}

// Save writes the dictionary as SAELens does: cfg.json and sae_weights.safetensors.
func (d *Dictionary) Save(folder string) error {
	if d.Layers > 1 {
		return fmt.Errorf("dictionary %s: SAELens' format has no cross-layer transcoders", d.name())
	}
	if err := d.Check(); err != nil {
		return err
	}
	architecture := string(d.Kind)
	if d.Transcoder() || d.WSkip != nil || d.In != d.Out {
		switch {
		case d.Kind == dictionary.Standard && d.WSkip == nil:
			architecture = "transcoder"
		case d.Kind == dictionary.Standard:
			architecture = "skip_transcoder"
		case d.Kind == dictionary.JumpReLU && d.WSkip == nil:
			architecture = "jumprelu_transcoder"
		case d.Kind == dictionary.JumpReLU:
			architecture = "jumprelu_skip_transcoder"
		default:
			return fmt.Errorf("dictionary %s: SAELens' format has no %s transcoders", d.name(), d.Kind)
		}
	}
	norm := d.Norm
	if norm == "" {
		norm = dictionary.NoNorm
	}
	meta := &metadata{Model: d.Model, Hook: d.Read.ID.String(), BOS: &d.BOS, Context: d.Context, Version: "6.0.0", Training: "golens"}
	if len(d.Read.Heads) == 1 {
		meta.Head = &d.Read.Heads[0]
	}
	if d.Read.Kind == hook.KindLN2Norm && !d.BeforeGain { // TransformerLens' name for it behind the weight
		meta.Hook = fmt.Sprintf("blocks.%d.mlp.hook_in", d.Read.Layer)
	}
	if d.Transcoder() {
		meta.HookOut = d.Write.ID.String()
	}
	for key, on := range map[string]bool{"fold_ln": d.Processing.FoldNorm, "center_writing_weights": d.Processing.CenterWriting, "center_unembed": d.Processing.CenterUnembed, "fold_value_biases": d.Processing.FoldValues} {
		if on {
			if meta.From == nil {
				meta.From = map[string]any{}
			}
			meta.From[key] = true
		}
	}
	c := saeConfig{Architecture: architecture, In: d.In, Features: d.Features, K: d.K, Rescale: d.Rescale, DType: "float32", Device: "cpu",
		Centre: &d.Centre, Normalize: norm, Reshape: "none", Metadata: meta}
	if d.Read.Kind == hook.KindZ && len(d.Read.Heads) != 1 {
		c.Reshape = "hook_z"
	}
	if d.Transcoder() || d.WSkip != nil {
		c.Out = d.Out
	}
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	var all []weights.Tensor
	for _, x := range []weights.Tensor{
		{Name: "W_dec", Shape: []int{d.Features, d.Out}, Values: d.WDec}, {Name: "W_enc", Shape: []int{d.In, d.Features}, Values: d.WEnc},
		{Name: "W_skip", Shape: []int{d.Out, d.In}, Values: d.WSkip}, {Name: "b_dec", Shape: []int{d.Out}, Values: d.BDec},
		{Name: "b_enc", Shape: []int{d.Features}, Values: d.BEnc}, {Name: "b_gate", Shape: []int{d.Features}, Values: d.BGate},
		{Name: "b_mag", Shape: []int{d.Features}, Values: d.BMag}, {Name: "r_mag", Shape: []int{d.Features}, Values: d.RMag},
		{Name: "threshold", Shape: []int{d.Features}, Values: d.Threshold},
	} {
		if x.Values != nil {
			all = append(all, x)
		}
	}
	if err := weights.Write(filepath.Join(folder, "sae_weights.safetensors"), "F32", all); err != nil {
		return err
	}
	return files.Write(filepath.Join(folder, "cfg.json"), data)
}
