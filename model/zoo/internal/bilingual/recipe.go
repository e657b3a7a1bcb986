// Package bilingual is the recipe of the zoo's model of two languages, English and
// Go: its texts, its tokenizer, its sizes and how it is trained.
package bilingual

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"text/template"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/corpus/gotext"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/tokenizer"
	"github.com/golens/golens/model/weights"
	"github.com/golens/golens/model/zoo/internal/ship"
	"github.com/golens/golens/model/zoo/internal/training"
)

// Name is the model's name in the zoo.
const Name = "bilingual-3l"

// BOS is the token that begins a sequence, and every document of the texts.
const BOS = "<bos>"

// Languages are the languages of the texts.
var Languages = []string{"English", "Go"}

// Steps are how many steps the shipped model was trained for.
const Steps = 1500

// Config is the model's config: Llama's shape, in small.
func Config() config.Config {
	const dHead = 32
	bos := 0
	return config.Config{
		Family: "llama", Layers: 3, DModel: 128, Heads: 4, KVHeads: 4, DHead: dHead, DMLP: 384, Vocab: 1024, Context: 256,
		Norm: config.NormRMS, Eps: 1e-5, Act: config.ActSiLU, Gated: true, Position: config.PosRotary,
		Rotary: config.Rotary{Dim: dHead, Base: 10000}, Scale: 1 / math.Sqrt(dHead), BOS: &bos,
	}
}

// Settings are how it is trained in the given number of steps.
func Settings(seed uint64, steps int) training.Settings {
	return training.Settings{
		Model: Config(), Seed: seed, Steps: steps, Batch: 16, LearningRate: 2e-3, FinalRate: 2e-4,
		WarmUp: min(100, steps/2), Beta2: 0.99, Repeats: 0.15, LogEvery: 100, Checkpoints: []int{steps},
	}
}

// Texts are the training texts as tokens.
type Texts struct {
	Tokenizer []byte    // tokenizer.json
	Tokens    [][]int32 // of each language, every document after BOS, the held-out end left out
	Bytes     []int
	SHA256    []string
}

// Read takes the texts of GOROOT/src, as much code as prose, and trains a tokenizer
// on them.
func Read(src fs.FS) (Texts, error) {
	prose, err := gotext.Read(src)
	if err != nil {
		return Texts{}, err
	}
	code, err := gotext.Code(src)
	if err != nil {
		return Texts{}, err
	}
	n := 0
	code.Documents = slices.Collect(func(yield func(string) bool) {
		for _, d := range code.Documents {
			if n += len(d); n > prose.Bytes() || !yield(d) {
				return
			}
		}
	})
	raw, err := tokenizer.Train(slices.Values(slices.Concat(prose.Documents, code.Documents)), Config().Vocab, []string{BOS})
	if err != nil {
		return Texts{}, err
	}
	words, err := tokenizer.Parse(raw)
	if err != nil {
		return Texts{}, err
	}
	t := Texts{Tokenizer: raw}
	for _, text := range []gotext.Text{prose, code} {
		var tokens []int32
		for _, d := range text.Documents {
			ids, err := words.Encode(d)
			if err != nil {
				return t, err
			}
			tokens = append(append(tokens, int32(*Config().BOS)), ids...)
		}
		tokens, _ = training.HoldOut(tokens)
		t.Tokens, t.Bytes, t.SHA256 = append(t.Tokens, tokens), append(t.Bytes, text.Bytes()), append(t.SHA256, text.Hash())
	}
	return t, nil
}

// Drill draws rows, half of them of each language.
func (t Texts) Drill(seed uint64) training.Drill {
	rng := rand.New(rand.NewPCG(seed, 1))
	return training.Drill{Row: func(row []int32) error {
		tokens := t.Tokens[rng.IntN(len(t.Tokens))]
		if len(tokens) < len(row) {
			return fmt.Errorf("bilingual: a text of %d tokens is too short for rows of %d", len(tokens), len(row))
		}
		row[0] = int32(*Config().BOS)
		copy(row[1:], tokens[rng.IntN(len(tokens)-len(row)+2):])
		return nil
	}}
}

// A Report is what training.json says of a finished run.
type Report struct {
	Name      string
	Go        string // release whose GOROOT/src the texts are
	Languages []string
	Bytes     []int
	Tokens    []int // that are trained on
	SHA256    []string
	Settings  training.Settings
	Backend   string
	Seconds   float64
	Points    []training.Point
}

// ParseReport reads a training.json.
func ParseReport(raw []byte) (Report, error) {
	var r Report
	err := json.Unmarshal(raw, &r)
	return r, err
}

// Final is the last point.
func (r Report) Final() training.Point { return r.Points[len(r.Points)-1] }

//go:embed card.md.tmpl
var cardText string

var card = template.Must(template.New("card").Funcs(template.FuncMap{"mul100": func(x float64) float64 { return 100 * x }}).Parse(cardText))

// Card is the MODEL_CARD.md of the run.
func (r Report) Card() ([]byte, error) {
	var b strings.Builder
	err := card.Execute(&b, r)
	return []byte(b.String()), err
}

// ConfigJSON is the model's config.json, as Hugging Face writes that of a Llama.
func ConfigJSON(c config.Config) ([]byte, error) {
	return ship.JSON(map[string]any{
		"model_type": c.Family, "architectures": []string{"LlamaForCausalLM"}, "num_hidden_layers": c.Layers, "hidden_size": c.DModel,
		"num_attention_heads": c.Heads, "num_key_value_heads": c.KVHeads, "head_dim": c.DHead, "intermediate_size": c.DMLP,
		"vocab_size": c.Vocab, "max_position_embeddings": c.Context, "rms_norm_eps": c.Eps, "rope_theta": c.Rotary.Base,
		"hidden_act": "silu", "tie_word_embeddings": false, "bos_token_id": *c.BOS, "torch_dtype": "bfloat16",
	})
}

// published are Hugging Face's names of a Llama's weights; those of blocks come after
// model.layers.N.
var published = map[string]string{
	"embed.W_E": "model.embed_tokens.weight", "unembed.W_U": "lm_head.weight", "ln_final.w": "model.norm.weight",
	"ln1.w": "input_layernorm.weight", "ln2.w": "post_attention_layernorm.weight",
	"attn.W_Q": "self_attn.q_proj.weight", "attn.W_K": "self_attn.k_proj.weight", "attn.W_V": "self_attn.v_proj.weight", "attn.W_O": "self_attn.o_proj.weight",
	"mlp.W_gate": "mlp.gate_proj.weight", "mlp.W_in": "mlp.up_proj.weight", "mlp.W_out": "mlp.down_proj.weight",
}

// Weights are a safetensors file of the parameters by Hugging Face's names, whose
// matrices of blocks lie [out, in].
func Weights(params arch.Params) ([]byte, error) {
	var all []weights.Tensor
	for _, name := range params.Names() {
		p := params[name]
		to, known := published[name]
		if layer, local, ok := arch.LayerOf(name); ok {
			to, known = published[local]
			to = fmt.Sprintf("model.layers.%d.%s", layer, to)
			if len(p.Shape) == 2 {
				p = transposed(p)
			}
		}
		if !known {
			return nil, fmt.Errorf("bilingual: a Llama has no weight %s", name)
		}
		all = append(all, weights.Tensor{Name: to, Shape: p.Shape, Values: p.Data})
	}
	return weights.Encode(ship.DType, all)
}

func transposed(p arch.Param) arch.Param {
	in, out := p.Shape[0], p.Shape[1]
	t := arch.Param{Shape: []int{out, in}, Data: make([]float32, len(p.Data))}
	for i := range in {
		for j := range out {
			t.Data[j*in+i] = p.Data[i*out+j]
		}
	}
	return t
}
