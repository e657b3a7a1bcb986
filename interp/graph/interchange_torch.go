package graph

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/files"
	"github.com/golens/golens/model/weights"
)

// The tensors of EAP-IG's Graph.to_pt: a row for each sender, and for each layer
// a column for the query of each head, then the keys, the values and the MLP. A model
// without MLPs has rows and columns for them that hold nothing.
const (
	torchScores = "edges_scores"   // [sender, receiver]
	torchEdges  = "edges_in_graph" // [sender, receiver]
	torchNodes  = "nodes_in_graph" // [sender]
)

// torchRow is where a sender stands there, torchColumn a receiver.
func (g *Graph) torchRow(p Part) int {
	at := 1 + p.Layer*(g.conf.Heads+1)
	switch p.Kind {
	case EmbedPart:
		return 0
	case MLPPart:
		return at + g.conf.Heads
	}
	return at + p.Index
}

func (g *Graph) torchColumn(r Receiver) int {
	H := g.conf.Heads
	at := r.Part.Layer * (3*H + 1)
	switch r.Input {
	case ToLogits:
		return g.conf.Layers * (3*H + 1)
	case ToMLP:
		return at + 3*H
	}
	return at + slices.Index([]Input{ToQuery, ToKey, ToValue}, r.Input)*H + r.Part.Index
}

func (g *Graph) torchShape() (rows, columns int) {
	return 1 + g.conf.Layers*(g.conf.Heads+1), g.conf.Layers*(3*g.conf.Heads+1) + 1
}

// SaveEAPIG writes what [Set.EAPIG] gives to a file: by its end .json or .pt, the two
// that EAP-IG's program and MIB's circuit track read. In the .pt file what is in the
// graph is 1, else 0.
func (s *Set) SaveEAPIG(path string, scores *array.Array) error {
	switch filepath.Ext(path) {
	case ".json":
		data, err := s.EAPIG(scores)
		if err != nil {
			return err
		}
		return files.Write(path, data)
	case ".pt":
		return s.saveTorch(path, scores)
	}
	return fmt.Errorf("%s: EAP-IG's files end in .json or .pt", path)
}

func (s *Set) saveTorch(path string, scores *array.Array) error {
	if err := s.checkInterchange(scores); err != nil {
		return err
	}
	rows, columns := s.torchShape()
	score, edges, nodes := make([]float32, rows*columns), make([]float32, rows*columns), make([]float32, rows)
	s.each(func(e Edge, u, v, share int) {
		at := s.torchRow(e.From)*columns + s.torchColumn(e.To)
		if scores != nil {
			score[at] = float32(scores.At(u, v) / float64(share))
		}
		if s.Has(u, v) {
			edges[at] = 1
		}
	})
	in, out := s.ends()
	for _, p := range s.Senders {
		if in[p] && out[p] {
			nodes[s.torchRow(p)] = 1
		}
	}
	from, to := s.torchNames()
	c := s.conf
	return weights.WriteTorch(path, []weights.Tensor{
		{Name: torchScores, Shape: []int{rows, columns}, Values: score},
		{Name: torchEdges, Shape: []int{rows, columns}, Values: edges},
		{Name: torchNodes, Shape: []int{rows}, Values: nodes},
	}, weights.Beside{Name: "cfg", Value: []weights.Beside{{Name: "n_layers", Value: c.Layers}, {Name: "n_heads", Value: c.Heads}, {Name: "parallel_attn_mlp", Value: c.Parallel}, {Name: "d_model", Value: c.DModel}}},
		weights.Beside{Name: "src_nodes", Value: from}, weights.Beside{Name: "dst_nodes", Value: to})
}

// torchNames are the names of rows and columns.
func (g *Graph) torchNames() (senders, receivers []string) {
	rows, columns := g.torchShape()
	senders, receivers = make([]string, rows), make([]string, columns)
	put := func(p Part) {
		if p.Kind != LogitsPart {
			senders[g.torchRow(p)] = interchangeName(p)
		}
		for _, input := range p.Inputs() {
			r := Receiver{p, input}
			receivers[g.torchColumn(r)] = r.interchangeName()
		}
	}
	put(Embed())
	for l := range g.conf.Layers {
		for h := range g.conf.Heads {
			put(Head(l, h))
		}
		put(MLP(l))
	}
	put(Logits())
	return senders, receivers
}

// OpenEAPIG reads such a file, as [Graph.ParseEAPIG] does. Of a .pt file only tensors
// are read, and nothing in it is run.
func (g *Graph) OpenEAPIG(path string) (*Set, *array.Array, error) {
	data, err := files.Read(path)
	if err != nil {
		return nil, nil, err
	}
	var set *Set
	var scores *array.Array
	switch filepath.Ext(path) {
	case ".json":
		set, scores, err = g.ParseEAPIG(data)
	case ".pt":
		set, scores, err = g.parseTorch(data)
	default:
		err = errors.New("EAP-IG's files end in .json or .pt")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return set, scores, nil
}

func (g *Graph) parseTorch(data []byte) (*Set, *array.Array, error) {
	all, err := weights.ReadTorch("EAP-IG's file", data)
	if err != nil {
		return nil, nil, err
	}
	rows, columns := g.torchShape()
	tensors := map[string][]float32{}
	for _, t := range all {
		tensors[t.Name] = t.Values
		if (t.Name == torchScores || t.Name == torchEdges) && !slices.Equal(t.Shape, []int{rows, columns}) {
			return nil, nil, fmt.Errorf("%s is %v; %d layers of %d heads have [%d %d]", t.Name, t.Shape, g.conf.Layers, g.conf.Heads, rows, columns)
		}
	}
	score, edges := tensors[torchScores], tensors[torchEdges]
	if score == nil || edges == nil {
		return nil, nil, fmt.Errorf("it has no %s or no %s; EAP-IG's Graph.to_pt writes both", torchScores, torchEdges)
	}
	set, scores := g.None(), g.Scores()
	left := 0 // edges of theirs that are not ours
	for _, x := range edges {
		if x != 0 {
			left++
		}
	}
	g.each(func(e Edge, u, v, _ int) {
		at := g.torchRow(e.From)*columns + g.torchColumn(e.To)
		if edges[at] != 0 {
			set.Add(u, v)
			left--
		}
		scores.Set(scores.At(u, v)+float64(score[at]), u, v)
	})
	if left > 0 {
		return nil, nil, fmt.Errorf("%d edges in the graph are not of this model", left)
	}
	return set, scores, nil
}
