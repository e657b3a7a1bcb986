package model

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
)

// A Save asks for a folder with the model's weights as they run, after changes: a
// model that [Open] and Hugging Face's transformers open, with config.json,
// model.safetensors and the files of the tokenizer. [Model.Save] asks it.
type Save struct {
	Dir     string    // made if it is not there; files of these names in it are replaced
	Changes []Rewrite // done in their order
	DType   string    // F32, F16 or BF16; "" means F32
	Asked   int64     // when, so that a host that remembers answers does it each time
}

// A Rewrite of the weights is one of its fields.
type Rewrite struct {
	Part      *Part
	Merge     *Merge
	Direction *Direction
}

// A Part is what of a model stays: a circuit cut out, or a smaller child of it
// (package subclone). A nil list keeps everything.
//
// Layers with fewer heads or neurons than another are filled up with ones that do
// nothing, as a config has one number for all. Families whose config.json cannot
// say how wide a head is (GPT-2, BERT and others of their time) keep their number
// of heads: those cut away are zeros. Heads that share keys and values stay with
// theirs.
type Part struct {
	Layers   []int     // layers of this model, in their new order; one may come several times
	Residual []int     // coordinates of the residual stream
	Heads    [][]int   // of each new layer; an empty list is none, a nil one all
	HeadDims [][][]int // coordinates of each kept head of each new layer
	Neurons  [][]int   // of each new layer; an empty list removes its MLP, a nil one keeps all
	// Scale multiplies every matrix by the root of the share of inputs that it
	// lost, which keeps the size of what it gives where inputs are alike.
	Scale bool
	// HeadMeans [layer, head, d_model] and MLPMeans [layer, d_model] are what heads,
	// and MLPs whose neurons all go, leave behind in the biases; nil for nothing.
	HeadMeans, MLPMeans *array.Array
}

// A Merge mixes in other models of the same shapes, weight by weight.
type Merge struct {
	With []string // names, as [Open] takes them
	// Weights are how much of each is taken. Empty means the mean of all, this
	// model included. Otherwise this model is a base, to which Weights[i] times the
	// difference of model i from it is added: task arithmetic (Ilharco et al. 2022).
	Weights []float64
	// Slerp goes the share Weights[0] of the way to the one other model along great
	// circles.
	Slerp bool
}

// A Direction of the residual stream is written into the weights.
type Direction struct {
	Vector []float32 // [d_model]
	Layer  int       // that writes it; -1 is the embedding. Nothing with Remove
	Times  float64   // as the vector is written at every position; 0 means 1
	// Remove takes the direction out of everything that writes to the stream
	// instead (Arditi et al. 2024).
	Remove bool
}

// Saved is what a [Save] wrote.
type Saved struct {
	Dir      string
	Files    []string
	Config   config.Config
	Values   int      // of the weights
	Warnings []string // what the folder lacks
}

func init() { asks[Save, *Saved]() }

// Verb implements [Ask].
func (Save) Verb() string { return "save" }

func (s Save) check(c config.Config) error {
	if s.Dir == "" {
		return fmt.Errorf("save: no folder is named")
	}
	for i, change := range s.Changes {
		n := 0
		for _, is := range []bool{change.Part != nil, change.Merge != nil, change.Direction != nil} {
			if is {
				n++
			}
		}
		if n != 1 {
			return fmt.Errorf("save: change %d has %d of Part, Merge and Direction; it must have one", i, n)
		}
		if m := change.Merge; m != nil {
			switch {
			case len(m.With) == 0:
				return fmt.Errorf("save: change %d merges with no model", i)
			case m.Slerp && (len(m.With) != 1 || len(m.Weights) != 1):
				return fmt.Errorf("save: change %d: spherical interpolation is between two models, with one weight", i)
			case len(m.Weights) > 0 && len(m.Weights) != len(m.With):
				return fmt.Errorf("save: change %d has %d weights for %d models", i, len(m.Weights), len(m.With))
			}
		}
	}
	return nil
}

// Save writes the model, changed, to a folder. This model stays as it is:
//
//	nb.Must(m.Save("small", model.Rewrite{Part: &model.Part{Layers: []int{0, 1, 3}}}))
//	small := nb.Must(model.Open("small"))
func (m *Model) Save(dir string, changes ...Rewrite) (*Saved, error) {
	return m.SaveAs(context.Background(), Save{Dir: dir, Changes: changes})
}

// SaveAs is [Model.Save] with all that it can be told.
func (m *Model) SaveAs(ctx context.Context, s Save) (*Saved, error) {
	var err error
	if s.Dir != "" {
		if s.Dir, err = filepath.Abs(s.Dir); err != nil { // the host stands elsewhere
			return nil, err
		}
	}
	s.Asked = time.Now().UnixNano()
	return do[*Saved](ctx, m, s)
}
