package patch

import (
	"fmt"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

// A Value says what takes the place of what is ablated.
type Value int

// The values.
const (
	Zero         Value = iota // nothing
	Mean                      // its mean over all rows and positions of the reference
	PositionMean              // its mean over the rows of the reference, at each position; rows of equal length
	TemplateMean              // the same over rows of the prompt's own template
	Resample                  // its value in a row of the reference that is drawn for each prompt; rows of the prompt's length
)

// String names the value.
func (v Value) String() string {
	switch v {
	case Zero:
		return "zero"
	case Mean:
		return "mean"
	case PositionMean:
		return "mean at each position"
	case TemplateMean:
		return "mean of the template at each position"
	case Resample:
		return "value in another prompt"
	}
	return fmt.Sprintf("value %d", int(v))
}

// An Ablation says how parts are taken away.
type Ablation struct {
	Value     Value
	Reference model.Prompts // what the values are taken from; none means the prompts themselves

	// Templates are the template of each prompt, for TemplateMean; with Resample
	// the row drawn is of the same one. Those of the reference are the same
	// unless ReferenceTemplates says otherwise.
	Templates          []int
	ReferenceTemplates []int

	Seed uint64 // of Resample
}

// String names the settings.
func (a Ablation) String() string {
	if a.Value == Zero {
		return "replaced by zero"
	}
	of := "the prompts"
	if n := len(a.Reference.IDs); n > 0 {
		of = fmt.Sprintf("%d reference prompts", n)
	}
	s := fmt.Sprintf("replaced by the %s of %s", a.Value, of)
	if a.Value == Resample {
		s += fmt.Sprintf(", seed %d", a.Seed)
	}
	return s
}

// Edits take heads, written [layer, head], away together in all rows: for
// runs of one's own, such as generation without a head.
func (a Ablation) Edits(m *model.Model, prompts model.Prompts, heads ...[2]int) ([]hook.Edit, error) {
	c := m.Config()
	for _, h := range heads {
		if h[0] < 0 || h[0] >= c.Layers || h[1] < 0 || h[1] >= c.Heads {
			return nil, fmt.Errorf("ablation: there is no head %d.%d", h[0], h[1])
		}
	}
	return a.EditsAt(m, prompts, Heads("", heads...).Points...)
}

// EditsAt is [Ablation.Edits] of any parts: MLPs, neurons, heads at positions.
func (a Ablation) EditsAt(m *model.Model, prompts model.Prompts, points ...hook.Point) ([]hook.Edit, error) {
	d, err := a.donor(m, prompts, points)
	if err != nil {
		return nil, err
	}
	edits := make([]hook.Edit, len(points))
	for i, p := range points {
		if edits[i], err = d.edit(p); err != nil {
			return nil, err
		}
	}
	return edits, nil
}
