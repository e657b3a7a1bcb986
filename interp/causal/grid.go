package causal

import (
	"fmt"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// Grid is the interchange intervention accuracy of one variable with whole activations
// exchanged, at each layer and each position of the table [layer, place], as one sweep.
// at gives the activation of a layer, such as hook.ResidPost; nil places are the table.
// Each input is tried with so many sources; 0 means 8.
//
// The whole activation carries everything else too, so accuracy is high only where the
// variable is, and where what else is there makes no difference. Source: Geiger et al.
// 2021; Wu et al. 2023 for the figure.
func Grid(m *model.Model, d *Data, variable string, at func(layer int) hook.Point, places []interp.Place, sources int) (*interp.Result, error) {
	fail := func(err error) (*interp.Result, error) { return nil, fmt.Errorf("interchange grid: %w", err) }
	if _, err := d.Model.Variable(variable); err != nil {
		return fail(err)
	}
	if places == nil {
		places = d.Table
	}
	if sources == 0 {
		sources = 8
	}
	pairs, err := d.pairs(sources, 0)
	if err != nil {
		return fail(err)
	}
	want, err := d.labels(pairs, []string{variable})
	if err != nil {
		return fail(err)
	}
	layers := m.Config().Layers
	var sets [][]Site
	var names, rows []string
	for l := range layers {
		rows = append(rows, fmt.Sprint(l))
		for _, p := range places {
			sets = append(sets, []Site{{Point: at(l), At: p.Positions}})
		}
	}
	for _, p := range places {
		names = append(names, p.Name)
	}
	got, err := d.answers(m, pairs, sets)
	if err != nil {
		return fail(err)
	}
	samples := array.New(array.Dim("sample", len(pairs)), array.Labels("layer", rows), array.Labels("place", names))
	for i := range sets {
		for p := range pairs {
			if got.of[i][p] == want[p] {
				samples.Set(1, p, i/len(places), i%len(places))
			}
		}
	}
	return &interp.Result{
		Array:   samples.Mean("sample").Named("interchange intervention accuracy of "+variable, ""),
		Samples: samples, Method: fmt.Sprintf("interchange of %s, %d pairs", at(0).Kind, len(pairs)),
		Source: "Geiger et al. 2021", Provenance: got.Provenance,
	}, samples.Err()
}
