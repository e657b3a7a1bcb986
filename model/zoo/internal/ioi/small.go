package ioi

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/golens/golens/model/zoo/internal/handmade"
	"github.com/golens/golens/model/zoo/internal/training"
)

// The small models are six of one kind, trained with dropout and without, from
// three seeds each: is it dropout that makes heads which take over for others?
const (
	smallContext = 32
	smallDModel  = 48
	smallDHead   = 16
	smallNames   = 40
	// SmallSteps are how many steps each was trained for.
	SmallSteps = 7000
	// SmallDropout is half of GPT-2's: with 0.1 the task was not learned in 4000
	// steps, in which it is without dropout.
	SmallDropout = 0.05
	// SmallSeeds are how many of each kind there are, from seed 1.
	SmallSeeds = 3
)

// SmallName is the name of a small model in the zoo.
func SmallName(dropout bool, seed uint64) string {
	if dropout {
		return fmt.Sprintf("ioi-dropout-%d", seed)
	}
	return fmt.Sprintf("ioi-plain-%d", seed)
}

// smallWords are their vocabulary, a token for each word of the sentences.
func smallWords() []string {
	all := map[string]bool{}
	for _, text := range slices.Concat(openings, conjunctions, clauses, found, links, gives, givesIt, relative, alone, after, KeptOut, places, objects, names[:smallNames]) {
		text = strings.NewReplacer(",", " ", ".", " ").Replace(text)
		for _, word := range strings.Fields(text) {
			if !strings.HasPrefix(word, "{") {
				all[word] = true
			}
		}
	}
	var words []string
	for word := range all {
		words = append(words, word)
	}
	slices.Sort(words)
	return append([]string{handmade.BOS, ".", ","}, words...)
}

// A Run is what one training needs.
type Run struct {
	Name      string
	Tokenizer []byte
	Drill     training.Drill
	Settings  training.Settings
}

// New is the run of the shipped model, in so many steps.
func New(seed uint64, steps int) (Run, error) {
	words, err := Tokenizer()
	if err != nil {
		return Run{}, err
	}
	drill, size, err := Drill(words, seed)
	return Run{Name, words, drill, Settings(size, seed, steps)}, err
}

// NewSmall is the run of a small model.
func NewSmall(dropout bool, seed uint64, steps int) (Run, error) {
	words, err := SmallTokenizer()
	if err != nil {
		return Run{}, err
	}
	drill, err := SmallDrill(words, seed)
	return Run{SmallName(dropout, seed), words, drill, SmallSettings(dropout, seed, steps)}, err
}

// SmallTokenizer is the tokenizer.json of the small models.
func SmallTokenizer() ([]byte, error) { return handmade.Tokenizer(smallWords()) }

// SmallSettings are how one is trained.
func SmallSettings(dropout bool, seed uint64, steps int) training.Settings {
	c := Config(len(smallWords()))
	c.Context, c.DModel, c.DHead, c.Scale = smallContext, smallDModel, smallDHead, 1/math.Sqrt(smallDHead)
	s := Settings(c.Vocab, seed, steps)
	s.Model, s.LogEvery = c, 200
	if dropout {
		s.Dropout = SmallDropout
	}
	return s
}

// SmallDrill is what they are trained and tested on: sentences of one pair of
// names.
func SmallDrill(tokenizerJSON []byte, seed uint64) (training.Drill, error) {
	e, err := newEncoder(tokenizerJSON)
	if err != nil {
		return training.Drill{}, err
	}
	writes := func(stream uint64) *writer {
		w := newWriter(seed, stream)
		w.names, w.pairs = names[:smallNames], 1
		return w
	}
	train := writes(1)
	d := training.Drill{Row: func(row []int32) error { return e.row(train, row) }}
	if d.Weights, err = e.weights(names[:smallNames]); err != nil {
		return d, err
	}
	for i, frames := range [][]string{nil, KeptOut} {
		w := writes(uint64(2 + i))
		made := training.Test{Name: [...]string{"seen frames, new pairs", "frames of interp/task, new pairs"}[i]}
		for k := range tested {
			c := w.castIs(true, nil)
			frame := w.frameIs(false, 1)
			if frames != nil {
				frame = frames[k%len(frames)]
			}
			if err := e.prompt(&made, c.fill(frame, w), c); err != nil {
				return d, err
			}
		}
		d.Tests = append(d.Tests, made)
	}
	return d, nil
}
