package sae

import (
	"context"
	"fmt"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/dictionary"
)

// A Trained is a dictionary and how it was learned.
type Trained struct {
	*Dictionary
	*model.LearnedDictionary
}

// Train trains a dictionary on a model's activations, where the model is.
// [model.LearnDictionary] says what can be set; the zero value of most is SAELens'
// default. It costs one pass over the corpus' blocks below the point for every walk
// over it, and the steps.
func Train(m *model.Model, l model.LearnDictionary) (*Trained, error) {
	return TrainContext(context.Background(), m, l)
}

// TrainContext is [Train] that stops when the context ends. With a checkpoint, asked
// for again it goes on from there.
func TrainContext(ctx context.Context, m *model.Model, l model.LearnDictionary) (*Trained, error) {
	got, err := m.LearnDictionaryContext(ctx, l)
	if got == nil {
		return nil, err
	}
	info := m.Info()
	d := &Dictionary{Coder: got.Coder, Read: l.Read, Write: l.Write, Model: info.Name, Processing: info.Processing, Layers: 1, Scale: got.Scales[0], Layout: "trained here"}
	if d.Write.Kind == "" {
		d.Write = d.Read
	}
	longest := 0
	for _, row := range l.Rows {
		longest = max(longest, len(row))
	}
	d.Context = longest
	d, forErr := d.For(m)
	if forErr != nil {
		return nil, forErr
	}
	return &Trained{d, got}, err
}

// String says what was trained and how it went.
func (t *Trained) String() string { return fmt.Sprintf("%s\n%s", t.Dictionary, t.LearnedDictionary) }

// Curves are a training's loss, L0, explained variance and dead share [measure,
// step], for figures.
func (t *Trained) Curves() *array.Array { return Curves(t.Curve) }

// Curves are those of a curve, which [dictionary.ReadCurve] reads from a checkpoint
// while a training runs.
func Curves(curve []dictionary.Report) *array.Array {
	steps := make([]string, len(curve))
	values := make([]float32, 4*len(curve))
	for i, r := range curve {
		steps[i] = fmt.Sprint(r.Step)
		for k, v := range []float64{r.Loss, r.L0, 1 - r.FVU, r.Dead} {
			values[k*len(curve)+i] = float32(v)
		}
	}
	return array.Of(values, array.Labels("measure", []string{"loss", "L0", "explained variance", "dead share"}), array.Labels("step", steps)).Named("training", "")
}
