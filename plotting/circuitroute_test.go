package plotting

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// tangled is a graph of so many layers of five nodes, with that many links.
func tangled(layers, links int) fakeGraph {
	r := rand.New(rand.NewPCG(7, uint64(links)))
	g := fakeGraph{title: fmt.Sprintf("%d links", links), unit: "logits"}
	for i := range 5 * layers {
		g.add([]string{"a", "b", "c"}[i%3], "", []int{i / 5}, fmt.Sprintf("%d.%d", i/5, i%5))
	}
	for len(g.links) < links {
		from, to := r.IntN(5*layers), r.IntN(5*layers)
		if from/5 < to/5 {
			g.links = append(g.links, link{from, to, "query", math.Exp(-3*r.Float64()) * float64(1-2*r.IntN(2))})
		}
	}
	return g
}

// drawn is a graph and its figure.
func drawn(t *testing.T, g Graph, across bool) (*network, *scene) {
	t.Helper()
	n, err := readGraph(g)
	if err != nil {
		t.Fatal(err)
	}
	n.place()
	return n, n.draw(options{horizontal: across})
}

// TestLinksPassBetweenNodes follows every link: at the height of a node that it
// passes it must be beside it.
func TestLinksPassBetweenNodes(t *testing.T) {
	for _, links := range []int{20, 200} {
		for _, across := range []bool{false, true} {
			n, s := drawn(t, tangled(8, links), across)
			var pills []pill
			for _, m := range s.marks {
				if p, ok := m.(pill); ok && p.tip != "" {
					pills = append(pills, p)
				}
			}
			behind, passed := 0, 0
			for _, m := range s.marks {
				c, ok := m.(spline)
				if !ok {
					continue
				}
				for _, q := range walk(c) {
					for i, p := range pills {
						ends := c.tip[:strings.Index(c.tip, " ")] == n.nodes[i].label || strings.Contains(c.tip, "→ "+n.nodes[i].label+" ")
						if ends {
							continue
						}
						passed++
						// A pill's ends are round: its corners are free.
						if math.Abs(q.x-p.x) < p.w/2-4 && math.Abs(q.y-p.y) < p.h/2-4 {
							behind++
						}
					}
				}
			}
			if passed == 0 || behind > 0 {
				t.Errorf("%d links, across %v: %d of %d points lie behind a node", links, across, behind, passed)
			}
		}
	}
}

// Of many links those between the same two nodes of a row run together, so that there
// are no more lines there than gaps; and weak ones are fainter than strong ones, under
// them.
func TestManyLinksRunTogether(t *testing.T) {
	n, s := drawn(t, tangled(8, 200), false)
	b := &board{network: n, pill: pillWidth, slot: 2 * pillWidth, step: pillHeight + layerGap, taken: map[int][]float64{}}
	for row := range n.rows {
		places := map[float64]bool{}
		for i := range 200 {
			places[b.gap(row, float64(i)/2*5*b.slot/100, 1+float64(i%3))] = true
		}
		inner := 0
		for x := range places {
			if x > b.slot && x < 4*b.slot {
				inner++
			}
		}
		if inner > 4 {
			t.Errorf("row %d: %d places between five nodes", row, inner)
		}
	}
	last := -1.
	for _, m := range s.marks {
		if c, ok := m.(spline); ok {
			if float64(c.stroke.A) < last {
				t.Fatalf("%s is fainter than what lies below", c.tip)
			}
			last = float64(c.stroke.A)
		}
	}
	if last < 200 {
		t.Errorf("the strongest has an opacity of %g", last)
	}
}

// Circuits of 20 and 200 links: nodes and labels lie inside of the figure, and no node
// on a node and no label on a label. Those of 2,000 are drawn by layers.
func TestNodesAndLabelsDoNotOverlap(t *testing.T) {
	for _, links := range []int{20, 200} {
		for _, across := range []bool{false, true} {
			_, s := drawn(t, tangled(8, links), across)
			var nodes, labels []box
			for _, m := range s.marks {
				switch m := m.(type) {
				case pill:
					if m.tip != "" {
						nodes = append(nodes, box{x: m.x - m.w/2, y: m.y - m.h/2, w: m.w, h: m.h})
					}
				case text:
					w, capital := measured(m.s, m.size, m.bold), 0.7*m.size
					left := map[anchor]float64{middle: w / 2, end: w}[m.anchor]
					labels = append(labels, box{x: m.x - left, y: m.y - capital, w: w, h: capital})
				}
			}
			if len(nodes) != 40 || len(labels) <= 40 {
				t.Errorf("%d links, across %v: %d nodes, %d labels", links, across, len(nodes), len(labels))
			}
			for _, all := range [][]box{nodes, labels} {
				for i, a := range all {
					if a.x < 0 || a.y < 0 || a.x+a.w > s.w || a.y+a.h > s.h {
						t.Errorf("%d links, across %v: %+v lies outside of %g by %g", links, across, a, s.w, s.h)
					}
					for _, b := range all[:i] {
						if a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+b.h && b.y < a.y+a.h {
							t.Errorf("%d links, across %v: %+v and %+v overlap", links, across, a, b)
						}
					}
				}
			}
		}
	}
}

// walk are points along a spline.
func walk(c spline) []point {
	var out []point
	for i := 0; i+3 < len(c.pts); i += 3 {
		p := c.pts[i : i+4]
		for k := range 20 {
			t := float64(k) / 19
			b := [4]float64{(1 - t) * (1 - t) * (1 - t), 3 * t * (1 - t) * (1 - t), 3 * t * t * (1 - t), t * t * t}
			var q point
			for j := range 4 {
				q.x += b[j] * p[j].x
				q.y += b[j] * p[j].y
			}
			out = append(out, q)
		}
	}
	return out
}

func TestManyLinksAreDrawnByLayers(t *testing.T) {
	g := tangled(12, 2000)
	f := Circuit(g)
	if f.Err() != nil {
		t.Fatal(f.Err())
	}
	total := 0.0
	for _, l := range g.links {
		if l.from/5 == 2 && l.to/5 == 7 {
			total += math.Abs(l.effect)
		}
	}
	titles := tips(t, f)
	if len(titles) != 12*11/2 {
		t.Errorf("%d cells, want one for every pair of layers", len(titles))
	}
	found := false
	for _, s := range titles {
		found = found || strings.HasPrefix(s, "layer 7 reads layer 2: ") && strings.Contains(s, "edges, "+number(total)+" logits in all; strongest 2.")
	}
	if !found {
		t.Errorf("no cell for layers 2 and 7 with %s logits: %q", number(total), titles[:3])
	}
	if b, err := f.CSV(); err != nil || strings.Count(string(b), "\n") != 2001 {
		t.Errorf("CSV: %v", err)
	}
}
