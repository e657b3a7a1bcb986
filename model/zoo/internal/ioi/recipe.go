package ioi

import (
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/tokenizer"
	"github.com/golens/golens/model/zoo/internal/training"
)

// Name is the model's name in the zoo.
const Name = "ioi-4l"

// BOS is the token that begins a sequence.
const BOS = "<bos>"

const (
	vocab   = 1024
	context = 48 // two or three sentences
	layers  = 4
	heads   = 4
	dModel  = 64
	dHead   = 32
	// repeats is the share of training rows that are random tokens, repeated:
	// with them heads that copy form earlier.
	repeats = 0.2
	// nameWeight is how much more the loss of names counts than that of other
	// tokens, of which most can be known at once or never.
	nameWeight = 4
	// stories is how many the tokenizer learns from: enough that every name is
	// among its words.
	stories = 20000
	// tested is how many prompts each test has.
	tested = 300
)

// Config is the model's config, for a tokenizer of so many tokens.
func Config(size int) config.Config {
	bos := 0
	return config.Config{
		Family: "attn_only", Layers: layers, DModel: dModel, Heads: heads, KVHeads: heads, DHead: dHead, Vocab: size,
		Context: context, Norm: config.NormLayer, Eps: 1e-5, Position: config.PosLearned,
		Scale: 1 / math.Sqrt(dHead), BOS: &bos,
	}
}

// Steps are how many steps the shipped model was trained for.
const Steps = 8000

// Settings are how it is trained in the given number of steps.
func Settings(size int, seed uint64, steps int) training.Settings {
	return training.Settings{
		Model: Config(size), Seed: seed, Steps: steps, Batch: 32, LearningRate: 3e-3, FinalRate: 1e-4,
		WarmUp: min(50, steps/2), Beta2: 0.99, Repeats: repeats, TiedStart: true, Checkpoints: []int{steps}, LogEvery: 100,
	}
}

// Tokenizer trains the byte-level BPE, always the same one.
func Tokenizer() ([]byte, error) {
	return tokenizer.Train(texts(), vocab, []string{BOS})
}

// texts are what the tokenizer learns from.
func texts() iter.Seq[string] {
	return func(yield func(string) bool) {
		w := newWriter(0, 0)
		for range stories {
			if !yield(w.story(200)) {
				return
			}
		}
	}
}

// Drill is what the model is trained and tested on, and the number of tokens in
// its vocabulary.
func Drill(tokenizerJSON []byte, seed uint64) (d training.Drill, size int, err error) {
	e, err := newEncoder(tokenizerJSON)
	if err != nil {
		return d, 0, err
	}
	train := newWriter(seed, 1)
	d = training.Drill{Row: func(row []int32) error { return e.row(train, row) }}
	if d.Weights, err = e.weights(names); err != nil {
		return d, 0, err
	}
	for i, test := range []struct {
		name       string
		frame, out bool // kept out of training
		pairs      int
		frames     []string
	}{
		{name: "seen frames, new pairs", out: true, pairs: 1},
		{name: "new frames, seen pairs", frame: true, pairs: 1},
		{name: "new frames, new pairs", frame: true, out: true, pairs: 1},
		{name: "two pairs, new frames, new pairs", frame: true, out: true, pairs: 2},
		{name: "frames of interp/task, new pairs", out: true, frames: KeptOut},
	} {
		w := newWriter(seed, uint64(2+i))
		made := training.Test{Name: test.name}
		for k := range tested {
			c := w.castIs(test.out, nil)
			var frame string
			if test.frames != nil {
				frame = test.frames[k%len(test.frames)]
			} else {
				frame = w.frameIs(test.frame, test.pairs)
			}
			if test.pairs == 2 {
				c = c.among(w, nil)
			}
			if err := e.prompt(&made, c.fill(frame, w), c); err != nil {
				return d, 0, err
			}
		}
		d.Tests = append(d.Tests, made)
	}
	return d, e.Size(), nil
}

// An encoder makes rows of tokens.
type encoder struct {
	*tokenizer.Tokenizer
	bos int32
}

func newEncoder(tokenizerJSON []byte) (encoder, error) {
	t, err := tokenizer.Parse(tokenizerJSON)
	if err != nil {
		return encoder{}, err
	}
	bos, ok := t.ID(BOS)
	if !ok {
		return encoder{}, fmt.Errorf("ioi: the tokenizer has no %s", BOS)
	}
	return encoder{t, bos}, nil
}

// weights are how much the loss of each token counts.
func (e encoder) weights(names []string) ([]float32, error) {
	all := slices.Repeat([]float32{1}, e.Size())
	for _, name := range names {
		ids, err := e.Encode(" " + name)
		if err != nil {
			return nil, err
		}
		all[ids[0]] = nameWeight
	}
	return all, nil
}

// row fills a training row with a story.
func (e encoder) row(w *writer, row []int32) error {
	ids, err := e.Encode(w.story(8 * len(row))) // words of up to eight letters
	if err != nil {
		return err
	}
	if len(ids) < len(row)-1 {
		return fmt.Errorf("ioi: a story of %d tokens is too short for a row of %d", len(ids), len(row))
	}
	row[0] = e.bos
	copy(row[1:], ids)
	return nil
}

// prompt adds a prompt and its two names to a test.
func (e encoder) prompt(t *training.Test, text string, c cast) error {
	ids, err := e.Encode(text)
	if err != nil {
		return err
	}
	name := func(s string) (int32, error) {
		one, err := e.Encode(" " + s)
		if err == nil && len(one) != 1 {
			err = fmt.Errorf("ioi: the name %s is %d tokens", s, len(one))
		}
		if err != nil {
			return 0, err
		}
		return one[0], nil
	}
	answer, err := name(c.gets)
	if err != nil {
		return err
	}
	wrong, err := name(c.acts)
	if err != nil {
		return err
	}
	t.Rows = append(t.Rows, append([]int32{e.bos}, ids...))
	t.Answer, t.Wrong = append(t.Answer, answer), append(t.Wrong, wrong)
	return nil
}
