package godoc

import (
	"fmt"
	"io/fs"
	"math"
	"slices"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/corpus/gotext"
	"github.com/golens/golens/model/tokenizer"
	"github.com/golens/golens/model/zoo/internal/training"
)

// Name is the model's name in the zoo.
const Name = "godoc-2l"

// BOS is the token that begins a sequence, and every document of the text.
const BOS = "<bos>"

const (
	vocab   = 512
	context = 128
	heads   = 2
	dModel  = 64
	// dHead is d_model: a head that finds the token before by its position needs
	// many coordinates. With 16 none formed in 1,000 steps of this recipe.
	dHead = 64
)

// Config is the model's config.
func Config() config.Config {
	bos := 0
	return config.Config{
		Family: "attn_only", Layers: 2, DModel: dModel, Heads: heads, KVHeads: heads, DHead: dHead, Vocab: vocab,
		Context: context, Norm: config.NormLayer, Eps: 1e-5, Position: config.PosLearned,
		Scale: 1 / math.Sqrt(dHead), BOS: &bos,
	}
}

// Settings are how it is trained in the given number of steps.
func Settings(seed uint64, steps int) training.Settings {
	s := training.Settings{
		Model: Config(), Seed: seed, Steps: steps, Batch: 32, LearningRate: 2e-3, FinalRate: 6e-4,
		WarmUp: min(20, steps/2), Beta2: 0.99, Repeats: 0.6, LogEvery: 100,
	}
	for _, step := range checkpoints {
		if step < steps {
			s.Checkpoints = append(s.Checkpoints, step)
		}
	}
	s.Checkpoints = append(s.Checkpoints, steps)
	return s
}

// Steps are how many steps the shipped model was trained for.
const Steps = 4000

// checkpoints are dense where the induction heads form.
var checkpoints = []int{0, 100, 200, 400, 600, 700, 750, 800, 850, 900, 950, 1000, 1100, 1300, 1600, 2200}

// A Text is the training text as tokens.
type Text struct {
	gotext.Text
	Tokenizer []byte // tokenizer.json
	Tokens    []int32
}

// Read takes the text of GOROOT/src and trains a tokenizer on it.
func Read(src fs.FS) (Text, error) {
	text, err := gotext.Read(src)
	if err != nil {
		return Text{}, err
	}
	raw, err := tokenizer.Train(slices.Values(text.Documents), vocab, []string{BOS})
	if err != nil {
		return Text{}, err
	}
	tokens, err := Encode(raw, text)
	return Text{text, raw, tokens}, err
}

// Encode is the documents as tokens, each after BOS.
func Encode(tokenizerJSON []byte, text gotext.Text) ([]int32, error) {
	t, err := tokenizer.Parse(tokenizerJSON)
	if err != nil {
		return nil, err
	}
	bos, ok := t.ID(BOS)
	if !ok {
		return nil, fmt.Errorf("godoc: the tokenizer has no %s", BOS)
	}
	var tokens []int32
	for _, d := range text.Documents {
		ids, err := t.Encode(d)
		if err != nil {
			return nil, err
		}
		tokens = append(append(tokens, bos), ids...)
	}
	return tokens, nil
}
