package circuit

import (
	"slices"

	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/edge"
)

// runEdges is [knockOut.run] where edges are cut.
func (k *knockOut) runEdges(base []removal, variants [][]removal) (alone []float64, each [][]float64, err error) {
	ask := model.Subgraphs{Base: k.Task.Clean.Metric(k.Task.Metric), Reference: model.Reference{WholeEmbedding: true}}
	if k.Ablation.Value != ablate.Zero {
		source, err := k.values.Source()
		if err != nil {
			return nil, nil, err
		}
		ask.Reference.Source = source
	}
	for _, list := range append([][]removal{nil}, variants...) {
		cut, err := k.cut(base, list)
		if err != nil {
			return nil, nil, err
		}
		ask.Cuts = append(ask.Cuts, cut)
	}
	got, err := k.Model.Subgraphs(ask)
	if err != nil {
		return nil, nil, err
	}
	k.provenance = got.Provenance
	values, n := got.PerRow(0).Values(), k.Task.Len()
	for i := range ask.Cuts {
		each = append(each, float64s(values[i*n:][:n]))
	}
	return each[0], each[1:], nil
}

// cut is the edges that lists of removals cut. What is removed twice is cut wherever
// either says so.
func (k *knockOut) cut(lists ...[]removal) (edge.Cut, error) {
	gone, cut := k.graph.None(), edge.Cut{}
	for _, list := range lists {
		for _, r := range list {
			sender, _ := k.graph.Sender(r.part)
			if len(r.at) > 0 {
				at, err := k.positions(r.at, r.rest)
				if err != nil {
					return cut, err
				}
				cut.Places = append(cut.Places, edge.Places{Sender: sender, Receivers: r.from, At: at})
				continue
			}
			for to := range k.graph.Receivers {
				if r.from == nil || slices.Contains(r.from, to) {
					gone.Add(sender, to)
				}
			}
		}
	}
	cut.Whole = gone.Rest().Cut("").Whole
	return cut, nil
}
