package sae

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/golens/golens/model/dictionary"
	"github.com/golens/golens/model/files"
	"github.com/golens/golens/model/hook"
)

// numberIn is the number behind a word in a path, or -1.
func numberIn(path string, pattern string) int {
	all := regexp.MustCompile(pattern).FindAllStringSubmatch(path, -1)
	if len(all) == 0 {
		return -1
	}
	n, err := strconv.Atoi(all[len(all)-1][1])
	if err != nil {
		return -1
	}
	return n
}

// matrices are an encoder [d_in, feature] and a decoder [feature, d_out] with their
// sizes and the biases, by the names that they may have; those of torch's layers are
// transposed.
func matrices(t tensors, d *Dictionary) error {
	if err := t.finite(); err != nil {
		return err
	}
	enc, ok := t.first("W_enc", "w_enc")
	if !ok {
		x, err := t.need("encoder.weight", "encoder_linear.weight")
		if err != nil {
			return err
		}
		enc = x.transposed()
	}
	dec, ok := t.first("W_dec", "w_dec")
	if !ok {
		x, err := t.need("decoder.weight", "decoder_linear.weight")
		if err != nil {
			return err
		}
		dec = x.transposed()
	}
	if len(enc.shape) != 2 || len(dec.shape) != 2 || enc.shape[1] != dec.shape[0] {
		return fmt.Errorf("an encoder %v and a decoder %v do not fit", enc.shape, dec.shape)
	}
	d.In, d.Features, d.Out = enc.shape[0], enc.shape[1], dec.shape[1]
	d.WEnc, d.WDec = enc.values, dec.values
	if x, ok := t.first("b_dec", "bias", "decoder_bias", "decoder.bias", "decoder_linear.bias"); ok {
		d.BDec = x.values
	} else {
		d.BDec = make([]float32, d.Out)
	}
	if x, ok := t.first("b_enc", "encoder.bias", "encoder_linear.bias"); ok {
		d.BEnc = x.values
	}
	return nil
}

// at is where an autoencoder of the residual stream behind a block reads.
func (d *Dictionary) at(p hook.Point) { d.Read, d.Write = p, p }

// readGemmaScope reads Gemma Scope's params.npz, whose place the path names.
func readGemmaScope(path, name string) (*Dictionary, error) {
	t, err := readNPZ(filepath.Join(path, "params.npz"))
	if err != nil {
		return nil, err
	}
	d := &Dictionary{Coder: &dictionary.Coder{Kind: dictionary.JumpReLU}, BOS: true, Context: 1024}
	if err := matrices(t, d); err != nil {
		return nil, err
	}
	th, err := t.need("threshold")
	if err != nil {
		return nil, err
	}
	d.Threshold = th.wide(d.Features)
	layer := numberIn(name, `layer_(\d+)`)
	if m := regexp.MustCompile(`gemma-scope-(\d+b)-(pt|it)`).FindStringSubmatch(name); m != nil {
		d.Model = "google/gemma-2-" + m[1]
		if m[2] == "it" {
			d.Model += "-it"
		}
	}
	switch {
	case strings.Contains(name, "embedding"):
		// it was trained on embeddings before Gemma multiplies them by sqrt(d_model)
		by := float32(math.Sqrt(float64(d.In)))
		for i := range d.WEnc {
			d.WEnc[i] /= by
		}
		for i := range d.WDec {
			d.WDec[i] *= by
		}
		for i := range d.BDec {
			d.BDec[i] *= by
		}
		d.at(hook.Embed())
	case layer < 0:
	case strings.Contains(name, "transcoder"):
		d.Read, d.Write, d.BeforeGain = hook.LN2Normalized(layer), hook.MLPOut(layer), true
	case strings.Contains(name, "-res"):
		d.at(hook.ResidPost(layer))
	case strings.Contains(name, "-mlp"):
		d.at(hook.MLPOut(layer))
	case strings.Contains(name, "-att"):
		d.at(hook.Z(layer))
	}
	return d, nil
}

// readGemmaScope2 reads Gemma Scope 2's config.json and params.safetensors.
func readGemmaScope2(path, name string) (*Dictionary, error) {
	var c struct {
		Architecture string `json:"architecture"`
		Model        string `json:"model_name"`
		In           string `json:"hf_hook_point_in"`
		Out          string `json:"hf_hook_point_out"`
	}
	if err := readJSON(filepath.Join(path, "config.json"), &c, true); err != nil {
		return nil, err
	}
	if c.Architecture != "" && c.Architecture != "jump_relu" {
		return nil, fmt.Errorf("config.json: architecture %q; jump_relu is read", c.Architecture)
	}
	t, err := readSafetensors(filepath.Join(path, "params.safetensors"))
	if err != nil {
		return nil, err
	}
	d := &Dictionary{Coder: &dictionary.Coder{Kind: dictionary.JumpReLU}, BOS: true, Context: 1024, Model: c.Model}
	if err := matrices(t, d); err != nil {
		return nil, err
	}
	th, err := t.need("threshold")
	if err != nil {
		return nil, err
	}
	d.Threshold = th.wide(d.Features)
	if x, ok := t["affine_skip_connection"]; ok {
		if !slices.Equal(x.shape, []int{d.In, d.Out}) {
			return nil, fmt.Errorf("affine_skip_connection is %v, not [%d %d]", x.shape, d.In, d.Out)
		}
		d.WSkip = x.transposed().values
	}
	layer := numberIn(name, `layer_(\d+)`)
	switch {
	case c.In != "":
		if d.Read, d.BeforeGain, err = point(c.In); err != nil {
			return nil, err
		}
		d.Write = d.Read
		if c.Out != "" {
			if d.Write, _, err = point(c.Out); err != nil {
				return nil, err
			}
		}
	case layer < 0:
	case strings.Contains(name, "resid_post"):
		d.at(hook.ResidPost(layer))
	case strings.Contains(name, "attn_out"):
		d.at(hook.Z(layer))
	case strings.Contains(name, "mlp_out"):
		d.at(hook.MLPOut(layer))
	case strings.Contains(name, "transcoder"):
		d.Read, d.Write = hook.LN2Normalized(layer), hook.MLPOut(layer)
	}
	return d, nil
}

// readLlamaScope reads Llama Scope's hyperparams.json and final.safetensors. Inputs
// were scaled to a mean norm of sqrt(d), which is folded in.
func readLlamaScope(path, _ string) (*Dictionary, error) {
	var c struct {
		Threshold    float64            `json:"jump_relu_threshold"`
		LogThreshold *float64           `json:"log_jumprelu_threshold"`
		Norm         map[string]float64 `json:"dataset_average_activation_norm"`
		In           string             `json:"hook_point_in"`
		Out          string             `json:"hook_point_out"`
	}
	if err := readJSON(filepath.Join(path, "hyperparams.json"), &c, false); err != nil {
		return nil, err
	}
	file := filepath.Join(path, "checkpoints", "final.safetensors")
	if _, err := os.Stat(file); err != nil {
		file = filepath.Join(path, "sae_weights.safetensors") // of the R1 distillation
	}
	t, err := readSafetensors(file)
	if err != nil {
		return nil, err
	}
	d := &Dictionary{Coder: &dictionary.Coder{Kind: dictionary.JumpReLU}, BOS: true, Context: 1024, Model: "meta-llama/Llama-3.1-8B"}
	if err := matrices(t, d); err != nil {
		return nil, err
	}
	if c.In != "" {
		if d.Read, d.BeforeGain, err = point(c.In); err != nil {
			return nil, err
		}
		d.Write = d.Read
	}
	if c.Out != "" && c.Out != c.In {
		if d.Write, _, err = point(c.Out); err != nil {
			return nil, err
		}
	}
	if x, ok := t.first("log_jumprelu_threshold", "activation_function.log_jumprelu_threshold"); ok {
		d.Threshold = x.wide(d.Features)
		d.Threshold = slices.Clone(d.Threshold)
		for i, v := range d.Threshold {
			d.Threshold[i] = float32(math.Exp(float64(v)))
		}
	} else {
		if c.LogThreshold != nil {
			c.Threshold = math.Exp(*c.LogThreshold)
		}
		d.Threshold = slices.Repeat([]float32{float32(c.Threshold)}, d.Features)
	}
	if c.Norm["in"] == 0 {
		d.Norm = dictionary.Expected
		return d, nil
	}
	in := math.Sqrt(float64(d.In)) / c.Norm["in"]
	out := in
	if v := c.Norm["out"]; v > 0 && d.Transcoder() {
		out = math.Sqrt(float64(d.Out)) / v
	}
	for i := range d.Threshold { // the published one is for features of inputs that are not scaled
		d.Threshold[i] *= float32(in)
	}
	d.Scale = in
	d.Coder, err = d.FoldScales(in, out)
	return d, err
}

// readDictionaryLearning reads the files of saprmarks/dictionary_learning.
func readDictionaryLearning(path, _ string) (*Dictionary, error) {
	var c struct {
		Trainer struct {
			Class string `json:"dict_class"`
			Layer int    `json:"layer"`
			Model string `json:"lm_name"`
			Part  string `json:"submodule_name"`
			K     int    `json:"k"`
		} `json:"trainer"`
		Buffer struct {
			Context int `json:"ctx_len"`
		} `json:"buffer"`
	}
	if err := readJSON(filepath.Join(path, "config.json"), &c, false); err != nil {
		return nil, err
	}
	t, err := readTensors(filepath.Join(path, "ae.pt"))
	if err != nil {
		return nil, err
	}
	d := &Dictionary{Coder: &dictionary.Coder{Kind: dictionary.Standard, Centre: true}, BOS: true, Context: c.Buffer.Context, Model: c.Trainer.Model}
	switch c.Trainer.Class {
	case "AutoEncoder", "AutoEncoderNew":
	case "AutoEncoderTopK":
		d.Kind, d.K = dictionary.TopK, c.Trainer.K
	case "GatedAutoEncoder":
		d.Kind = dictionary.Gated
	case "BatchTopKSAE", "MatryoshkaBatchTopKSAE":
		d.Kind = dictionary.JumpReLU
	case "JumpReluAutoEncoder":
		d.Kind, d.Centre = dictionary.JumpReLU, false
	default:
		return nil, fmt.Errorf("config.json: dict_class %q is not read", c.Trainer.Class)
	}
	if err := matrices(t, d); err != nil {
		return nil, err
	}
	for name, to := range map[string]*[]float32{"mag_bias": &d.BMag, "gate_bias": &d.BGate, "r_mag": &d.RMag} {
		if x, ok := t[name]; ok && d.Kind == dictionary.Gated {
			*to = x.values
		}
	}
	if d.Kind == dictionary.Gated {
		d.BEnc = nil
	}
	if d.Kind == dictionary.JumpReLU {
		th, err := t.need("threshold")
		if err != nil {
			return nil, err
		}
		d.Threshold = th.wide(d.Features)
	}
	p := hook.ResidPost(c.Trainer.Layer)
	switch {
	case strings.HasPrefix(c.Trainer.Part, "mlp"):
		p = hook.MLPOut(c.Trainer.Layer)
	case strings.HasPrefix(c.Trainer.Part, "attention"), strings.HasPrefix(c.Trainer.Part, "attn"):
		p = hook.AttnOut(c.Trainer.Layer)
	}
	d.at(p)
	return d, nil
}

// readSparsify reads EleutherAI's cfg.json and sae.safetensors, by sparsify's own
// code: b_dec is taken off the input of an autoencoder, never of a transcoder.
func readSparsify(path, name string) (*Dictionary, error) {
	var c struct {
		K         int  `json:"k"`
		Signed    bool `json:"signed"`
		Transcode bool `json:"transcode"`
	}
	var run struct {
		Model   string `json:"model"`
		Context int    `json:"ctx_len"`
	}
	if err := readJSON(filepath.Join(path, "cfg.json"), &c, false); err != nil {
		return nil, err
	}
	if err := readJSON(filepath.Join(path, "..", "config.json"), &run, true); err != nil {
		return nil, err
	}
	if c.Signed {
		return nil, errors.New("cfg.json: signed features, of which the largest absolute values are kept, are not read")
	}
	t, err := readSafetensors(filepath.Join(path, "sae.safetensors"))
	if err != nil {
		return nil, err
	}
	d := &Dictionary{Coder: &dictionary.Coder{Kind: dictionary.TopK, K: c.K, Centre: !c.Transcode}, BOS: true, Context: run.Context, Model: run.Model}
	if err := matrices(t, d); err != nil {
		return nil, err
	}
	if x, ok := t["W_skip"]; ok {
		d.WSkip = x.values
	}
	layer := numberIn(name, `(?:layers|h)[._](\d+)`)
	switch {
	case strings.HasSuffix(name, "embed_tokens"):
		d.at(hook.Embed())
	case layer < 0:
	case c.Transcode:
		d.Read, d.Write = hook.LN2Normalized(layer), hook.MLPOut(layer)
	case strings.HasSuffix(name, ".mlp"):
		d.at(hook.MLPOut(layer))
	default:
		d.at(hook.ResidPost(layer))
	}
	return d, nil
}

// readQwenScope reads a layerN.sae.pt of Qwen Scope, whose K the repository names.
func readQwenScope(path, name string) (*Dictionary, error) {
	t, err := readTensors(path)
	if err != nil {
		return nil, err
	}
	for _, n := range []string{"W_enc", "W_dec"} { // as torch's layers lie
		if x, ok := t[n]; ok {
			t[n] = x.transposed()
		}
	}
	d := &Dictionary{Coder: &dictionary.Coder{Kind: dictionary.TopK, K: max(0, numberIn(name, `L0_(\d+)`))}, BOS: true, Context: 1024}
	if err := matrices(t, d); err != nil {
		return nil, err
	}
	if m := regexp.MustCompile(`SAE-Res-(.+)-W\d+K`).FindStringSubmatch(name); m != nil {
		d.Model = "Qwen/" + m[1]
	}
	if layer := numberIn(name, `layer(\d+)`); layer >= 0 {
		d.at(hook.ResidPost(layer))
	}
	return d, nil
}

// readLinear reads an encoder and a decoder of torch, as Goodfire and the SAEs of
// DeepSeek-R1 are published.
func readLinear(path, name string) (*Dictionary, error) {
	t, err := readTensors(path)
	if err != nil {
		return nil, err
	}
	d := &Dictionary{Coder: &dictionary.Coder{Kind: dictionary.Standard}, BOS: true}
	if err := matrices(t, d); err != nil {
		return nil, err
	}
	if layer := numberIn(filepath.Base(name), `[-_.]?l(\d+)`); layer >= 0 {
		d.at(hook.ResidPost(layer))
	}
	switch {
	case strings.Contains(name, "Llama-3.3-70B-Instruct"):
		d.Model = "meta-llama/Llama-3.3-70B-Instruct"
	case strings.Contains(name, "Llama-3.1-8B-Instruct"):
		d.Model = "meta-llama/Llama-3.1-8B-Instruct"
	case strings.Contains(name, "DeepSeek-R1"):
		d.Model = "deepseek-ai/DeepSeek-R1"
	}
	return d, nil
}

// setConfig is circuit-tracer's config.yaml or config.json.
type setConfig struct {
	Kind  string `json:"model_kind"`
	Model string `json:"model_name"`
	Own   string `json:"model"`
	In    string `json:"feature_input_hook"`
	Out   string `json:"feature_output_hook"`
	Scan  string `json:"scan"`

	Transcoders []string `json:"transcoders"` // where those of each layer are, if not here
}

// readSetConfig reads the configuration beside transcoders; none gives defaults.
func readSetConfig(folder string) (setConfig, error) {
	c := setConfig{In: "mlp.hook_in", Out: "hook_mlp_out"}
	data, err := files.Read(filepath.Join(folder, "config.json"))
	if err == nil {
		err = json.Unmarshal(data, &c)
	} else if data, err = files.Read(filepath.Join(folder, "config.yaml")); err == nil {
		err = readYAML(data, &c)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if c.Model == "" {
		c.Model = c.Own
	}
	return c, err
}

// readYAML reads the flat configurations that circuit-tracer writes: keys with a
// text, and lists of texts.
func readYAML(data []byte, c *setConfig) error {
	key := ""
	for i, line := range strings.Split(string(data), "\n") {
		text := strings.TrimSpace(line)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		clean := func(s string) string { return strings.Trim(strings.TrimSpace(s), `"'`) }
		if item, ok := strings.CutPrefix(text, "- "); ok {
			if key == "transcoders" {
				c.Transcoders = append(c.Transcoders, clean(item))
			}
			continue
		}
		k, v, ok := strings.Cut(text, ":")
		if !ok || strings.HasPrefix(v, " {") || strings.HasPrefix(v, " [") {
			return fmt.Errorf("config.yaml: line %d is neither KEY: TEXT nor an item of a list", i+1)
		}
		if line != strings.TrimLeft(line, " \t") {
			continue // of a nested map, of which nothing is needed
		}
		key = clean(k)
		for name, to := range map[string]*string{"model_kind": &c.Kind, "model_name": &c.Model, "feature_input_hook": &c.In, "feature_output_hook": &c.Out, "scan": &c.Scan} {
			if key == name {
				*to = clean(v)
			}
		}
	}
	return nil
}

// readTranscoder reads layer_N.safetensors, whose encoder lies [feature, d_in].
func readTranscoder(path, name string) (*Dictionary, error) {
	c, err := readSetConfig(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	return transcoder(path, name, numberIn(filepath.Base(name), `(\d+)`), c)
}

func transcoder(path, _ string, layer int, c setConfig) (*Dictionary, error) {
	t, err := readSafetensors(path)
	if err != nil {
		return nil, err
	}
	if x, ok := t["W_enc"]; ok {
		t["W_enc"] = x.transposed()
	}
	d := &Dictionary{Coder: &dictionary.Coder{Kind: dictionary.Standard}, Model: c.Model, BOS: true}
	if err := matrices(t, d); err != nil {
		return nil, err
	}
	if x, ok := t["activation_function.threshold"]; ok {
		d.Kind, d.Threshold = dictionary.JumpReLU, x.wide(d.Features)
	}
	if x, ok := t["k"]; ok && len(x.values) == 1 {
		d.Kind, d.K = dictionary.TopK, int(x.values[0])
	}
	if x, ok := t["W_skip"]; ok {
		d.WSkip = x.values
	}
	return d, d.hooks(layer, c)
}

// hooks are where a transcoder of a set reads and writes.
func (d *Dictionary) hooks(layer int, c setConfig) (err error) {
	if layer < 0 {
		return errors.New("the file's name has no layer, as layer_3.safetensors has")
	}
	if d.Read, d.BeforeGain, err = point(fmt.Sprintf("blocks.%d.%s", layer, c.In)); err != nil {
		return err
	}
	d.Write, _, err = point(fmt.Sprintf("blocks.%d.%s", layer, c.Out))
	return err
}
