package config

import (
	"encoding/json"
	"fmt"
)

// Names of the choices that a Config makes.
const (
	NormLayer = "layernorm" // subtract the mean, divide by the standard deviation
	NormNone  = "none"

	ActGELUTanh = "gelu_tanh" // tanh approximation, GPT-2's gelu_new
	ActGELU     = "gelu"      // exact, by the error function
	ActReLU     = "relu"
	ActSiLU     = "silu"

	PosLearned = "learned" // added to the residual stream
	PosNone    = "none"
)

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
	Norm     string // NormLayer or NormNone
	Eps      float64
	Act      string  // of the MLP; "" for attention-only
	Position string  // PosLearned or PosNone
	Scale    float64 // attention scores are multiplied by this
	Tied     bool    // the unembedding is the embedding

	BOS *int // token that begins a sequence, nil if the model has none
	EOS *int // token that ends a sequence, nil if the model has none
}

// AttnOnly tells whether the blocks have no MLP.
func (c Config) AttnOnly() bool { return c.DMLP == 0 }

// Params is the number of values of the model's weight matrices and vectors.
func (c Config) Params() int {
	attention := c.DModel * c.DHead * (2*c.Heads + 2*c.KVHeads)
	return c.Layers*(attention+2*c.DModel*c.DMLP) + 2*c.Vocab*c.DModel
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
	if c.Heads%c.KVHeads != 0 {
		return fmt.Errorf("config: %d heads do not share %d key-value heads evenly", c.Heads, c.KVHeads)
	}
	return nil
}

// maxSize bounds every size, so that products of three of them fit an int.
const maxSize = 1 << 20

// String is one line: the family and the sizes.
func (c Config) String() string {
	mlp := fmt.Sprintf("%d neurons", c.DMLP)
	if c.AttnOnly() {
		mlp = "attention only"
	}
	return fmt.Sprintf("%s: %d layers, %d heads, d_model %d, d_head %d, %s, vocabulary %d, context %d",
		c.Family, c.Layers, c.Heads, c.DModel, c.DHead, mlp, c.Vocab, c.Context)
}

// GobEncode writes the config as JSON: gob by itself takes a pointer to zero,
// such as a begin token 0, for no pointer.
func (c Config) GobEncode() ([]byte, error) {
	type plain Config
	return json.Marshal(plain(c))
}

// GobDecode reads what GobEncode wrote.
func (c *Config) GobDecode(data []byte) error {
	type plain Config
	return json.Unmarshal(data, (*plain)(c))
}
