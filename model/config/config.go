package config

import (
	"fmt"
	"math"
	"slices"
)

// Names of the choices that a Config makes.
const (
	NormLayer = "layernorm" // subtract the mean, divide by the standard deviation
	NormRMS   = "rmsnorm"   // divide by the root of the mean square
	NormNone  = "none"

	NormBefore   = ""         // x + f(norm(x))
	NormAfter    = "after"    // x + norm(f(x)), OLMo 2
	NormSandwich = "sandwich" // x + norm(f(norm(x))), Gemma 2 and 3
	NormOnSum    = "on sum"   // norm(x + f(x)), BERT and OPT-350m

	ActGELUTanh = "gelu_tanh" // tanh approximation, GPT-2's gelu_new
	ActGELU     = "gelu"      // exact, by the error function
	ActReLU     = "relu"
	ActSiLU     = "silu"

	PosLearned = "learned" // added to the residual stream
	PosRotary  = "rotary"  // rotates queries and keys
	PosNone    = "none"

	QKNormHead = "head"            // queries and keys are normalized head by head
	QKNormLN   = "head, layernorm" // likewise, by a LayerNorm with weight and bias
	QKNormAll  = "all"             // all heads' queries, and all keys, are normalized as one vector
)

// Rotary is how queries and keys are rotated by their position.
type Rotary struct {
	Dim      int     // leading coordinates of each head that take part
	Base     float64 // of the wave lengths
	Adjacent bool    // coordinates 2i and 2i+1 are a pair, not i and i+Dim/2
	Scaling  Scaling
}

// Scaling stretches rotary wave lengths for long contexts, as Hugging Face's
// rope_scaling says. The zero value stretches nothing.
type Scaling struct {
	Type                  string  // "", linear, dynamic, llama3, yarn, factors or none: nothing rotates
	Factor                float64 // of the context's length
	LowFactor, HighFactor float64 // llama3
	BetaFast, BetaSlow    float64 // yarn
	Attention             float64 // yarn: what queries and keys are multiplied by
	Smooth                bool    // yarn: the blend's ends are not rounded to whole coordinates
	Original              int     // context before the stretch

	// Factors, if not nil, are what each pair's angle is divided by, with Type
	// "factors": that of a file that has them, such as Llama 3's as GGUF.
	Factors []float64 `json:",omitempty"`
}

// A Config is the sizes and features of one transformer.
type Config struct {
	Family   string // Hugging Face's model_type
	Layers   int    // number of blocks
	DModel   int    // width of the residual stream
	Heads    int    // query heads per block
	KVHeads  int    // key and value heads per block
	DHead    int    // width of a head
	DMLP     int    // neurons per block; 0 for attention-only
	Vocab    int    // rows of the embedding
	Context  int    // longest sequence
	Norm     string // NormLayer, NormRMS or NormNone
	NormAt   string // NormBefore or another place
	Eps      float64
	Act      string  // of the MLP; "" for attention-only
	Gated    bool    // the MLP's activations are multiplied by a linear branch
	Position string  // PosLearned, PosRotary or PosNone
	Scale    float64 // attention scores are multiplied by this
	Tied     bool    // the unembedding is the embedding

	Parallel   bool    // attention and MLP read the same residual stream
	SharedNorm bool    // in parallel blocks: the MLP reads what attention's norm gives
	QKNorm     string  // "", QKNormHead, QKNormLN or QKNormAll
	AttnCap    float64 // scores are cap*tanh(score/cap); 0 for none
	LogitCap   float64 // logits likewise
	EmbedScale float64 // the embedding is multiplied by this; 0 for 1
	ResidScale float64 // W_O, W_out and their biases hold this as a factor of the file's; 0 for 1
	LogitScale float64 // W_U holds this as a factor of the file's; 0 for 1
	Clip       float64 // queries, keys and values lie between -Clip and Clip; 0 for anywhere
	EmbedNorm  bool    // the sum of the embeddings is normalized
	NoFinal    bool    // the unembedding reads the residual stream as it is
	Headless   bool    // there is no unembedding: no logits, and nothing that needs them
	Encoder    bool    // every position sees every other; the head is BERT's for masked words

	Rotary      Rotary // with PosRotary
	Window      int    // keys that a query of a local layer sees, itself included; 0 if no layer is local
	Local       []bool // which layers are local; nil for none
	LocalRotary Rotary // of local layers, if it is another one (Dim > 0)

	// Experts is how many MLPs a layer has side by side, of which a router chooses
	// some at each position; 0 for one MLP. Their neurons follow each other in DMLP.
	Experts     int
	Chosen      int    // experts that are chosen at a position
	DExpert     int    // neurons of an expert
	SumToOne    bool   // the gates of the chosen experts are divided by their sum
	DenseLayers []bool // which layers have one MLP all the same; nil for none

	BOS *int // token that begins a sequence, nil if the model has none
	EOS *int // token that ends a sequence, nil if the model has none

	// Warnings are what the model's files say and golens does not heed, and what
	// is computed otherwise than somebody might think.
	Warnings []string `json:",omitempty"`
}

// AttnOnly tells whether the blocks have no MLP.
func (c Config) AttnOnly() bool { return c.DMLP == 0 }

// Params is the number of values of the model's weight matrices and vectors.
func (c Config) Params() int {
	attention := c.DModel * c.DHead * (2*c.Heads + 2*c.KVHeads)
	matrices := 2
	if c.Gated {
		matrices = 3
	}
	return c.Layers*(attention+matrices*c.DModel*c.DMLP+c.DModel*c.Experts) + 2*c.Vocab*c.DModel
}

// HasExperts tells whether a layer has a router and experts.
func (c Config) HasExperts(layer int) bool {
	return c.Experts > 0 && !(layer < len(c.DenseLayers) && c.DenseLayers[layer])
}

// Mixed tells whether some layers have experts and others one MLP.
func (c Config) Mixed() bool { return c.Experts > 0 && slices.Contains(c.DenseLayers, true) }

// ExpertNeurons are the neurons of an expert: coordinates of hook.MLPPost.
func (c Config) ExpertNeurons(expert int) []int {
	neurons := make([]int, c.DExpert)
	for i := range neurons {
		neurons[i] = expert*c.DExpert + i
	}
	return neurons
}

// IsLocal tells whether a layer's queries see a window of keys only.
func (c Config) IsLocal(layer int) bool {
	return c.Window > 0 && layer < len(c.Local) && c.Local[layer]
}

// KVHead is the head of keys and values that a head of queries reads: groups of
// query heads share one.
func (c Config) KVHead(head int) int { return head * c.KVHeads / c.Heads }

// RotaryOf is the rotation in a layer.
func (c Config) RotaryOf(layer int) Rotary {
	if c.IsLocal(layer) && c.LocalRotary.Dim > 0 {
		return c.LocalRotary
	}
	return c.Rotary
}

// Check reports the first size that cannot be.
func (c Config) Check() error {
	for _, f := range []struct {
		name  string
		value int
	}{
		{"number of layers", c.Layers}, {"d_model", c.DModel}, {"number of heads", c.Heads},
		{"number of key-value heads", c.KVHeads}, {"d_head", c.DHead}, {"vocabulary size", c.Vocab},
		{"context length", c.Context},
	} {
		if f.value <= 0 || f.value > maxSize {
			return fmt.Errorf("config: %s is %d; it must lie between 1 and %d", f.name, f.value, maxSize)
		}
	}
	if c.DMLP < 0 || c.DMLP > maxSize {
		return fmt.Errorf("config: d_mlp is %d; it must lie between 0 and %d", c.DMLP, maxSize)
	}
	if c.Experts < 0 || c.Experts > maxSize || c.Experts > 0 &&
		(c.Chosen < 1 || c.Chosen > c.Experts || c.DExpert < 1 || c.Experts*c.DExpert > c.DMLP || !c.Gated || c.DenseLayers != nil && len(c.DenseLayers) != c.Layers) {
		return fmt.Errorf("config: %d of %d experts with %d neurons each, gated MLPs %t, dense layers given for %d of %d; at least one expert must be chosen, and no more than there are",
			c.Chosen, c.Experts, c.DExpert, c.Gated, len(c.DenseLayers), c.Layers)
	}
	if c.Layers > maxLayers {
		return fmt.Errorf("config: %d layers; there may be %d", c.Layers, maxLayers)
	}
	for _, f := range []struct {
		name  string
		value float64
	}{
		{"epsilon of the norms", c.Eps}, {"scale of the scores", math.Abs(c.Scale)}, {"soft cap of the scores", c.AttnCap},
		{"soft cap of the logits", c.LogitCap}, {"scale of the embedding", math.Abs(c.EmbedScale)},
		{"scale of what is written", math.Abs(c.ResidScale)}, {"scale of the logits", math.Abs(c.LogitScale)}, {"clip of queries, keys and values", c.Clip},
	} {
		// As float32, in which models run.
		if !(f.value >= 0) || f.value > math.MaxFloat32 {
			return fmt.Errorf("config: %s is %g; it must be finite and not negative", f.name, f.value)
		}
	}
	if c.Heads%c.KVHeads != 0 {
		return fmt.Errorf("config: %d heads do not share %d key-value heads evenly", c.Heads, c.KVHeads)
	}
	if c.Position == PosRotary {
		if err := c.Rotary.check(c.DHead); err != nil {
			return err
		}
		if c.LocalRotary.Dim != 0 {
			if err := c.LocalRotary.check(c.DHead); err != nil {
				return err
			}
		}
	}
	if c.Window < 0 || c.Local != nil && len(c.Local) != c.Layers {
		return fmt.Errorf("config: window %d, and local layers for %d of %d layers", c.Window, len(c.Local), c.Layers)
	}
	return nil
}

func (r Rotary) check(dHead int) error {
	if r.Dim < 2 || r.Dim > dHead || r.Dim%2 != 0 || r.Dim > maxRotary {
		return fmt.Errorf("config: %d of %d coordinates rotate; they must be an even number from 2 to d_head, at most %d", r.Dim, dHead, maxRotary)
	}
	if !(r.Base > 1) || r.Base > math.MaxFloat32 {
		return fmt.Errorf("config: rotary base %g; it must be finite and above 1", r.Base)
	}
	s := r.Scaling
	if s.Factors != nil && len(s.Factors) != r.Dim/2 {
		return fmt.Errorf("config: rope_scaling has %d factors for %d pairs of coordinates", len(s.Factors), r.Dim/2)
	}
	for name, v := range map[string]float64{"factor": s.Factor, "low_freq_factor": s.LowFactor, "high_freq_factor": s.HighFactor,
		"beta_fast": s.BetaFast, "beta_slow": s.BetaSlow, "attention_factor": s.Attention, "original context": float64(s.Original)} {
		if !(v >= 0) || v > math.MaxFloat32 {
			return fmt.Errorf("config: rope_scaling %s: %s is %g; it must be finite and not negative", s.Type, name, v)
		}
	}
	return nil
}

// maxRotary is more than any head has; a table of this length is made for each
// position.
const maxRotary = 1 << 13

// maxLayers is more than any model has; work is done for each layer before its
// weights are looked at.
const maxLayers = 1 << 12

// maxSize bounds every size, so that products of three of them fit an int.
const maxSize = 1 << 20

// String is one line: the family and the sizes.
func (c Config) String() string {
	mlp := fmt.Sprintf("%d neurons", c.DMLP)
	switch {
	case c.AttnOnly():
		mlp = "attention only"
	case c.Experts > 0:
		mlp = fmt.Sprintf("%d of %d experts with %d neurons", c.Chosen, c.Experts, c.DExpert)
	}
	return fmt.Sprintf("%s: %d layers, %d heads, d_model %d, d_head %d, %s, vocabulary %d, context %d",
		c.Family, c.Layers, c.Heads, c.DModel, c.DHead, mlp, c.Vocab, c.Context)
}
