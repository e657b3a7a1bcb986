package syntax

import (
	"math"
	"strings"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/zoo/internal/ship"
	"github.com/golens/golens/model/zoo/internal/training"
)

// The runs, by their names in the zoo.
const (
	Plain      = "syntax-3l"
	Suppressed = "syntax-3l-suppressed"
	Promoted   = "syntax-3l-promoted"
)

const (
	layers  = 3
	heads   = 4
	dModel  = 48
	dMLP    = 96
	context = 24
	// masked is the share of tokens that are to be told; of them eight of ten are
	// hidden, one is another token, and one stays.
	masked = 0.2
	// held is how many sentences are measured on, and as many are in the treebank.
	held = 400
	// Steps are how many each run has.
	Steps = 4000
	// lambda is how much attention between syntactic neighbours counts in the loss.
	lambda = 0.5
)

// Config is the models' config.
func Config() config.Config {
	return config.Config{
		Family: "bert", Layers: layers, DModel: dModel, Heads: heads, KVHeads: heads, DHead: dModel / heads, DMLP: dMLP, Vocab: len(Vocabulary()),
		Context: context, Norm: config.NormLayer, NormAt: config.NormOnSum, Eps: 1e-12, Act: config.ActGELU, Position: config.PosLearned,
		Scale: 1 / math.Sqrt(dModel/heads), Tied: true, EmbedNorm: true, Encoder: true,
	}
}

// Settings are how a run is trained in so many steps.
func Settings(name string, seed uint64, steps int) training.Settings {
	s := training.Settings{
		Model: Config(), Seed: seed, Steps: steps, Batch: 64, LearningRate: 3e-3, FinalRate: 1e-4, WarmUp: min(200, steps/2), Beta2: 0.98, LogEvery: 50,
	}
	at := []int{0, 100, 200, 300, 400, 600, 800, 1000, 1300, 1700, 2500, 4000}
	switch name {
	case Suppressed:
		s.Syntax = &training.Syntax{Lambda: lambda}
		at = []int{0, 200, 400, 800, 1300, 1700, 2500, 4000}
	case Promoted:
		s.Syntax = &training.Syntax{Lambda: -lambda}
		at = []int{0, 200, 400, 800, 1300, 1700, 2500, 4000}
	}
	for _, step := range at {
		if step < steps {
			s.Checkpoints = append(s.Checkpoints, step)
		}
	}
	s.Checkpoints = append(s.Checkpoints, steps)
	return s
}

// ChildSteps are how many steps the children of the plain run have.
const ChildSteps = 1500

// ChildSettings are how a child, or a random model of its sizes, is trained: as the
// others, at a rate of its own, since weights that know something are easily lost.
func ChildSettings(c config.Config, seed uint64, steps int, rate float64) training.Settings {
	s := Settings(Plain, seed, steps)
	s.Model, s.LearningRate, s.WarmUp, s.LogEvery, s.Checkpoints = c, rate, min(20, steps/2), 25, nil
	return s
}

// Drill is what a run is trained and measured on.
func Drill(seed uint64) training.MaskedDrill {
	train := newWriter(seed, 1)
	d := training.MaskedDrill{Pad: pad, Row: func() training.MaskedRow { return train.row() }}
	test := newWriter(0, 2)
	for range held {
		d.Held = append(d.Held, test.row())
	}
	return d
}

// row is a sentence with some of its tokens hidden.
func (w *writer) row() training.MaskedRow {
	s := w.sentence()
	all := s.tokens()
	r := training.MaskedRow{Tokens: make([]int32, context), Labels: make([]int32, context)}
	for i := range r.Labels {
		r.Labels[i] = -1
	}
	r.Tokens[0], r.Tokens[1+len(all)] = begin, end
	at := make([][]int, len(s.Words)) // tokens of each word
	for i, t := range all {
		r.Tokens[1+i] = int32(t[0])
		at[t[1]] = append(at[t[1]], 1+i)
	}
	for i, head := range s.Heads {
		if head < 0 || s.Words[i].Relation == "punct" {
			continue
		}
		for _, a := range at[i] {
			for _, b := range at[head] {
				r.Neighbours = append(r.Neighbours, [2]int{a, b})
			}
		}
	}
	told := 0
	for told == 0 {
		for i := range all {
			if !w.odds(masked) {
				continue
			}
			told++
			r.Labels[1+i] = int32(all[i][0])
			switch k := w.rng.IntN(10); {
			case k < 8:
				r.Tokens[1+i] = mask
			case k == 8:
				r.Tokens[1+i] = int32(len(special) + w.rng.IntN(len(byToken)-len(special)))
			}
		}
	}
	return r
}

// Treebank are sentences with their trees that no run was trained on, but by
// chance.
func Treebank() []byte {
	w := newWriter(0, 3)
	var all []Sentence
	for range held {
		all = append(all, w.sentence())
	}
	return CoNLLU(all)
}

// Files are what a run's folder has beside weights and reports. The treebank and
// the pairs are in the first one's alone.
func Files(name string) (map[string][]byte, error) {
	settings, err := ship.JSON(map[string]any{"tokenizer_class": "BertTokenizer", "do_lower_case": true, "model_max_length": context})
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{
		"vocab.txt":             []byte(strings.Join(Vocabulary(), "\n") + "\n"),
		"tokenizer_config.json": settings,
	}
	if name == Plain {
		files["treebank.conllu"] = Treebank()
		files["pairs.jsonl"], err = Pairs()
	}
	return files, err
}

// ConfigJSON is the config.json of all runs.
func ConfigJSON() ([]byte, error) {
	c := Config()
	return ship.JSON(map[string]any{
		"model_type": c.Family, "architectures": []string{"BertForMaskedLM"}, "vocab_size": c.Vocab, "hidden_size": c.DModel, "num_hidden_layers": c.Layers,
		"num_attention_heads": c.Heads, "intermediate_size": c.DMLP, "hidden_act": "gelu", "max_position_embeddings": c.Context, "type_vocab_size": 2,
		"layer_norm_eps": c.Eps, "pad_token_id": pad, "tie_word_embeddings": true,
	})
}
