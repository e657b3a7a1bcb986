package plan

import (
	"encoding/binary"
	"slices"

	"github.com/golens/golens/model/edge"
)

// A HeadCut is what variants cut of the queries, keys and values of a key-value head.
type HeadCut struct {
	Alike bool   // all cut the same
	Edges string // names the edges, those of the first variant if they differ; empty for none
}

// HeadCuts are those of each key-value head of a layer: nil where a head cannot be
// computed without the others, or where edges are cut in part.
func (p *Edges) HeadCuts(variants []int, layer int) []HeadCut {
	if !p.Apart || slices.ContainsFunc(variants, func(v int) bool { return p.Cuts[v].Whole == nil || p.Cuts[v].Places != nil }) {
		return nil
	}
	all := make([]HeadCut, p.KVHeads)
	for h := range all {
		all[h] = HeadCut{true, p.headCut(p.Cuts[variants[0]], layer, h)}
		for _, v := range variants[1:] {
			all[h].Alike = all[h].Alike && p.headCut(p.Cuts[v], layer, h) == all[h].Edges
		}
	}
	return all
}

func (p *Edges) headCut(c edge.Cut, layer, head int) string {
	var name []byte
	each, first := p.Heads/p.KVHeads, layer*p.Graph.Reads()
	read := func(receivers ...int) {
		for _, r := range receivers {
			for s := range p.Graph.Before(first + r) {
				if p.Graph.Has(c, first+r, s) {
					name = binary.AppendUvarint(name, uint64(r*len(p.Graph.Senders)+s))
				}
			}
		}
	}
	for q := range each {
		read(head*each + q)
	}
	read(p.Heads+head, p.Heads+p.KVHeads+head)
	return string(name)
}

// given tells which heads of the layer in which a list starts are not run for each
// variant.
func (p *Edges) given(list []int) []bool {
	layer := p.Starts[list[0]]
	if layer >= p.Layers {
		return nil
	}
	var given []bool
	for h, c := range p.HeadCuts(list, layer) {
		given = append(given, c.Alike && (c.Edges == "" || p.Common[layer] != nil && p.Common[layer][h].Alike))
	}
	return given
}
