package discover

import (
	"slices"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/edge"
)

// together bounds the cuts of one ask, each of which has a bit for every pair of
// sender and receiver.
const together = 2048

// exact cuts each edge by itself.
func (s *search) exact() (*Scores, error) {
	type pair struct{ sender, receiver int }
	var edges []pair
	for u, v := range s.graph.All().Edges() {
		edges = append(edges, pair{u, v})
	}
	// Those into what one part reads follow each other: what other parts of the layer do is
	// found once for all.
	slices.SortStableFunc(edges, func(a, b pair) int {
		p, q := s.graph.Receivers[a.receiver].Part, s.graph.Receivers[b.receiver].Part
		switch {
		case p.Before(q):
			return -1
		case q.Before(p):
			return 1
		}
		return p.Index - q.Index
	})
	rows := len(s.Clean.IDs)
	change := make([]float32, len(edges)*rows)
	var base []float64
	var p model.Provenance
	for at := 0; at < len(edges); at += together {
		list := edges[at:min(at+together, len(edges))]
		ask := model.Subgraphs{Base: s.base(s.Metric), Reference: s.reference, Cuts: make([]edge.Cut, len(list))}
		for i, e := range list {
			all := s.graph.All()
			all.Remove(e.sender, e.receiver)
			ask.Cuts[i] = all.Cut("")
		}
		got, err := s.Model.Subgraphs(ask)
		if err != nil {
			return nil, err
		}
		p, base = got.Provenance, float64s(got.Base[0].Values())
		for i, v := range got.PerRow(0).Values() {
			change[at*rows+i] = v - float32(base[i%rows])
		}
	}
	scores := s.newScores(Scoring{Method: Exact}, "Hanna et al. 2024", p)
	scores.Base = base
	index := map[pair]int{}
	for i, e := range edges {
		index[e] = i
	}
	for row := range rows {
		scores.put(row, func(sender, receiver int) float32 { return change[index[pair{sender, receiver}]*rows+row] })
	}
	return scores.mean(), nil
}
