package plotting

// fakeGraph is a Graph as interp/circuit makes them.
type fakeGraph struct {
	title, unit string
	nodes       []vertex
	links       []link
	columns     []string
	err         error
}

func (g fakeGraph) Title() string      { return g.title }
func (g fakeGraph) EffectUnit() string { return g.unit }
func (g fakeGraph) Len() int           { return len(g.nodes) }
func (g fakeGraph) Links() int         { return len(g.links) }
func (g fakeGraph) Columns() []string  { return g.columns }
func (g fakeGraph) Err() error         { return g.err }
func (g fakeGraph) Node(i int) (label, class, column string, layer int) {
	v := g.nodes[i]
	return v.label, v.class, v.column, v.layer
}
func (g fakeGraph) Link(i int) (from, to int, kind string, effect float64) {
	l := g.links[i]
	return l.from, l.to, l.kind, l.effect
}

// add puts nodes, named "layer.head", into a graph.
func (g *fakeGraph) add(class, column string, layers []int, labels ...string) (indices []int) {
	for i, l := range labels {
		indices = append(indices, len(g.nodes))
		g.nodes = append(g.nodes, vertex{label: l, class: class, column: column, layer: layers[i]})
	}
	return indices
}

// join links every node of one list to every later one of another, with effects
// that fall along the lists, but for those under least.
func (g *fakeGraph) join(from, to []int, kind string, effect, least float64) {
	for i, a := range from {
		for j, b := range to {
			e := effect / float64(1+i) / float64(1+j)
			if g.nodes[a].layer < g.nodes[b].layer && (e >= least || -e >= least) {
				g.links = append(g.links, link{a, b, kind, e})
			}
		}
	}
}

// smallCircuit has five heads, and no columns.
func smallCircuit() fakeGraph {
	g := fakeGraph{title: "induction", unit: "nats"}
	in := g.add("", "", []int{-1}, "embed")
	prev := g.add("previous token", "", []int{0, 0}, "0.1", "0.3")
	ind := g.add("induction", "", []int{1, 1}, "1.0", "1.1")
	also := g.add("copies", "", []int{1}, "1.2")
	logits := g.add("", "", []int{2}, "logits")
	g.join(in, prev, "value", 0.8, 0)
	g.join(prev, ind, "key", 2.1, 0)
	g.join(prev, ind, "value", 0.2, 0)
	g.join(in, also, "query", 0.1, 0)
	g.join(ind, logits, "logits", 3.4, 0)
	g.join(also, logits, "logits", -0.6, 0)
	return g
}

// largeCircuit has the heads of Wang et al. 2022 and effects made up.
func largeCircuit() fakeGraph {
	g := fakeGraph{title: "IOI in GPT-2 small", unit: "%", columns: []string{"IO", "S1", "S1+1", "S2", "END"}}
	movers := g.add("name mover", "END", []int{9, 10, 9}, "9.9", "10.0", "9.6")
	negative := g.add("negative name mover", "END", []int{10, 11}, "10.7", "11.10")
	backups := g.add("backup name mover", "END", []int{10, 10, 10, 10, 11, 9, 9, 11}, "10.10", "10.6", "10.2", "10.1", "11.2", "9.7", "9.0", "11.9")
	inhibition := g.add("S-inhibition", "END", []int{8, 7, 8, 7}, "8.6", "7.9", "8.10", "7.3")
	induction := g.add("induction", "S2", []int{5, 6, 5, 5}, "5.5", "6.9", "5.8", "5.9")
	duplicate := g.add("duplicate token", "S2", []int{3, 0, 0}, "3.0", "0.1", "0.10")
	previous := g.add("previous token", "S1+1", []int{4, 2}, "4.11", "2.2")
	logits := g.add("", "", []int{12}, "logits")
	g.join(movers, logits, "logits", 22, 0)
	g.join(negative, logits, "logits", -19, 0)
	g.join(backups, logits, "logits", 6, 0)
	g.join(inhibition, movers, "query", 14, 0.9)
	g.join(inhibition, negative, "query", -9, 0.9)
	g.join(inhibition, backups, "query", 5, 0.9)
	g.join(induction, inhibition, "value", 8, 0.9)
	g.join(duplicate, inhibition, "value", 5, 0.6)
	g.join(duplicate, inhibition, "key", 2, 0.6)
	g.join(previous, induction, "key", 7, 0.5)
	return g
}
