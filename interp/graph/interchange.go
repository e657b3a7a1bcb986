package graph

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/golens/golens/model/array"
)

// The files of EAP-IG's Graph.to_json, which MIB's circuit track takes too: nodes
// "input", "a5.h3", "m5", "logits", edges "a5.h3->a9.h9<q>".
type interchange struct {
	Config struct {
		Layers   int  `json:"n_layers"`
		Heads    int  `json:"n_heads"`
		Parallel bool `json:"parallel_attn_mlp"`
		Width    int  `json:"d_model"`
	} `json:"cfg"`
	Nodes map[string]struct {
		In bool `json:"in_graph"`
	} `json:"nodes"`
	Edges map[string]interchangeEdge `json:"edges"`
}

type interchangeEdge struct {
	Score *float64 `json:"score"`
	In    bool     `json:"in_graph"`
}

// interchangeName is a part as EAP-IG writes it.
func interchangeName(p Part) string {
	switch p.Kind {
	case EmbedPart:
		return "input"
	case HeadPart:
		return fmt.Sprintf("a%d.h%d", p.Layer, p.Index)
	case MLPPart:
		return fmt.Sprintf("m%d", p.Layer)
	}
	return "logits"
}

// interchangeName is an edge as EAP-IG writes it.
func (e Edge) interchangeName() string {
	return interchangeName(e.From) + "->" + e.To.interchangeName()
}

// interchangeName is a receiver as EAP-IG writes it.
func (r Receiver) interchangeName() string {
	name := interchangeName(r.Part)
	if r.Part.IsHead() {
		name += "<" + string(r.Input) + ">"
	}
	return name
}

// each are the edges of a graph as EAP-IG has them, where query heads have keys
// and values of their own, with how many share the one that is ours.
func (g *Graph) each(visit func(e Edge, sender, receiver, share int)) {
	for u, v := range g.All().Edges() {
		parts := g.Sharing(v)
		for _, p := range parts {
			visit(Edge{g.Senders[u], Receiver{p, g.Receivers[v].Input}}, u, v, len(parts))
		}
	}
}

// EAPIG is a set of edges with scores [sender, receiver] as EAP-IG's program and
// MIB's circuit track read them; nil scores are 0. An edge into a key or value that
// query heads share is one for each of them there: each is in the graph, and has an
// equal part of the score.
func (s *Set) EAPIG(scores *array.Array) ([]byte, error) {
	if err := s.checkInterchange(scores); err != nil {
		return nil, err
	}
	f := interchange{Nodes: map[string]struct {
		In bool `json:"in_graph"`
	}{}, Edges: map[string]interchangeEdge{}}
	c := s.conf
	f.Config.Layers, f.Config.Heads, f.Config.Parallel, f.Config.Width = c.Layers, c.Heads, c.Parallel, c.DModel
	in, out := s.ends()
	for _, p := range append(s.Senders[:len(s.Senders):len(s.Senders)], Logits()) {
		n := f.Nodes[interchangeName(p)]
		n.In = in[p] && out[p]
		f.Nodes[interchangeName(p)] = n
	}
	s.each(func(e Edge, u, v, share int) {
		score := 0.
		if scores != nil {
			score = scores.At(u, v) / float64(share)
		}
		f.Edges[e.interchangeName()] = interchangeEdge{&score, s.Has(u, v)}
	})
	return json.MarshalIndent(f, "", " ")
}

// checkInterchange tells whether a set and scores can stand in EAP-IG's files.
func (s *Set) checkInterchange(scores *array.Array) error {
	if s.inside {
		return errors.New("EAP-IG's files have no edges inside heads; take a set of the graph of Of")
	}
	if scores != nil {
		if _, err := s.every(scores, Signed); err != nil {
			return fmt.Errorf("EAP-IG's file: %w", err)
		}
	}
	return nil
}

// ParseEAPIG reads such a file: the edges that are in the graph, and the scores
// [sender, receiver], NaN where it has none. Of edges into a key or value that query
// heads share one in the graph is enough, and the scores are added up.
func (g *Graph) ParseEAPIG(data []byte) (*Set, *array.Array, error) {
	fail := func(format string, args ...any) (*Set, *array.Array, error) {
		return nil, nil, fmt.Errorf("EAP-IG's file: "+format, args...)
	}
	var f interchange
	if err := json.Unmarshal(data, &f); err != nil {
		return fail("%w", err)
	}
	c := g.conf
	if f.Config.Layers != c.Layers || f.Config.Heads != c.Heads {
		return fail("it is of a model of %d layers of %d heads; this one has %d of %d", f.Config.Layers, f.Config.Heads, c.Layers, c.Heads)
	}
	set, scores, known := g.None(), g.Scores(), map[string]bool{}
	g.each(func(e Edge, u, v, _ int) {
		name := e.interchangeName()
		known[name] = true
		found, there := f.Edges[name]
		if found.In {
			set.Add(u, v)
		}
		if !there || found.Score == nil {
			scores.Set(math.NaN(), u, v)
			return
		}
		scores.Set(scores.At(u, v)+*found.Score, u, v)
	})
	var extra []string
	for name := range f.Edges {
		if !known[name] {
			extra = append(extra, name)
		}
	}
	if len(extra) > 0 {
		return fail("%d edges are not of this model, such as %s", len(extra), strings.Join(extra[:1], ""))
	}
	return set, scores, nil
}
