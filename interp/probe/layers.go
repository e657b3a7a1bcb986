package probe

import (
	"fmt"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// Layers trains a probe at every layer: held-out accuracy of the probe and of its control
// [probe, layer]. at is the activation of a layer at one position of each prompt. A pass
// for each layer.
func (p Probe) Layers(m *model.Model, at func(layer int) hook.Point, d Labelled) (*interp.Result, []*Trained, error) {
	var names []string
	var all []*Trained
	for l := range m.Config().Layers {
		t, err := p.Train(m, at(l), d)
		if err != nil {
			return nil, nil, err
		}
		names, all = append(names, fmt.Sprint(l)), append(all, t)
	}
	out := array.New(array.Labels("probe", []string{"probe", "control task"}), array.Labels("layer", names))
	for l, t := range all {
		out.Set(t.Accuracy(), 0, l)
		out.Set(t.Control(), 1, l)
	}
	return all[0].Scores.Of(out.Named("accuracy on held-out examples", "")), all, out.Err()
}
