package plotting

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestBadGraph(t *testing.T) {
	broken := func(change func(g *fakeGraph)) fakeGraph {
		g := smallCircuit()
		change(&g)
		return g
	}
	cause := errors.New("model host went away")
	var nilGraph *fakeGraph
	for _, c := range []struct {
		name string
		g    Graph
		want string
	}{
		{"nil", nil, "got nil"},
		{"typed nil", nilGraph, "cannot draw"},
		{"no nodes", fakeGraph{}, "no nodes"},
		{"failed", fakeGraph{err: cause}, "model host went away"},
		{"no such node", broken(func(g *fakeGraph) { g.links[2].to = 7 }), "link 2 joins nodes 1 and 7 of 7"},
		{"to itself", broken(func(g *fakeGraph) { g.links[0].to = g.links[0].from }), "link 0 joins nodes 0 and 0"},
		{"NaN", broken(func(g *fakeGraph) { g.links[0].effect = math.NaN() }), "link 0, from embed to 0.1: the effect is NaN"},
		{"too many", fakeGraph{nodes: make([]vertex, maxNodes+1)}, "at most 2000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := Circuit(c.g).Err(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v; it should say %q", err, c.want)
			}
		})
	}
}

// Odd graphs are drawn: without links, with links downwards or sideways, with
// empty labels, many nodes, and nothing but effects of 0.
func TestOddGraphs(t *testing.T) {
	wide := fakeGraph{title: "wide", columns: []string{"a", "b", "c"}}
	for i := range 60 {
		wide.add([]string{"x", ""}[i%2], wide.columns[i%3], []int{i % 4}, "10.11")
		if i > 3 {
			wide.links = append(wide.links, link{i - 4, i, "", 0}, link{i, i - 3, "query", 0})
		}
	}
	for name, g := range map[string]fakeGraph{
		"one": {nodes: []vertex{{}}}, "wide": wide,
		"huge layers": {nodes: []vertex{{label: "a", layer: -1 << 40}, {label: "b", layer: 1 << 40}}, links: []link{{0, 1, "key", 1e-300}, {1, 0, "\n", 1e300}}},
	} {
		for _, opts := range [][]Option{nil, {Horizontal()}, {Size(300, 200), Title("small"), Caption("c")}} {
			f := Circuit(g, opts...)
			for format, write := range map[string]func() ([]byte, error){"SVG": f.SVG, "PNG": f.PNG, "PDF": f.PDF} {
				if b, err := write(); err != nil || len(b) == 0 {
					t.Errorf("%s as %s: %v", name, format, err)
				}
			}
			if f.Text() == "" || f.Alt() == "" {
				t.Errorf("%s has no text", name)
			}
		}
	}
}

// Nodes of a row do not overlap, and stand in the bands of their columns, in the
// order that was given.
func TestGraphLayout(t *testing.T) {
	n, err := readGraph(largeCircuit())
	if err != nil {
		t.Fatal(err)
	}
	n.place()
	start := 0.0
	if got := strings.Join(n.columns, " "); got != "S1+1 S2 END" {
		t.Errorf("columns %s: those without nodes are left out", got)
	}
	for band, width := range n.room {
		for i, v := range n.nodes {
			if v.band != band {
				continue
			}
			if v.u < start+0.5-1e-9 || v.u > start+width-0.5+1e-9 {
				t.Errorf("%s stands at %g, outside of %s from %g to %g", v.label, v.u, v.column, start, start+width)
			}
			for _, w := range n.nodes[:i] {
				if w.row == v.row && math.Abs(w.u-v.u) < 1-1e-9 {
					t.Errorf("%s and %s overlap", v.label, w.label)
				}
			}
		}
		start += width
	}
	before := n.unclear()
	again, err := readGraph(largeCircuit())
	if err != nil {
		t.Fatal(err)
	}
	again.place()
	if before != again.unclear() {
		t.Error("the same graph is laid out in two ways")
	}
}

// A graph may name its layers.
type namedLayers struct{ fakeGraph }

func (namedLayers) LayerName(layer int) string { return fmt.Sprintf("row %d", layer) }

func TestGraphsNameTheirLayers(t *testing.T) {
	if f := Circuit(namedLayers{smallCircuit()}); f.Err() != nil || !strings.Contains(f.Text(), "row 1") || strings.Contains(f.Text(), "layer 1") {
		t.Errorf("%v\n%s", f.Err(), f.Text())
	}
}

// As many classes as a search finds have a colour each.
func TestClassesHaveColoursOfTheirOwn(t *testing.T) {
	n := &network{}
	for i := range 2 * len(series) {
		n.classes = append(n.classes, string(rune('a'+i)))
	}
	of := map[color]string{n.colour("none"): "none"}
	for _, class := range n.classes {
		if c := n.colour(class); of[c] != "" {
			t.Errorf("%s is drawn as %s", class, of[c])
		} else {
			of[c] = class
		}
	}
}
