package plotting

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Graph is what Circuit draws: nodes in layers and links between them. A graph that
// names its layers itself has a method LayerName(layer int) string.
type Graph interface {
	Title() string
	// Len is the number of nodes.
	Len() int
	// Node is the i-th node: what is written in it, the class that its colour
	// shows ("" for none), the name of the column in which it stands ("" for
	// none), and its layer.
	Node(i int) (label, class, column string, layer int)
	// Columns are the names of the columns, from left to right. Others follow as
	// they are met.
	Columns() []string
	// Links is the number of links.
	Links() int
	// Link is the i-th link: the nodes it joins, what of the second it leads to
	// ("query", "" for nothing in particular), and its effect, the width of the
	// line.
	Link(i int) (from, to int, kind string, effect float64)
	// EffectUnit is the unit of effects, "" if they have none.
	EffectUnit() string
}

// The most nodes and links that are taken.
const (
	maxNodes = 2000
	maxLinks = 100_000
)

// Circuit draws a graph layer by layer from the bottom to the top, or from left
// to right if Horizontal. A node is coloured by its class; a link has the colour
// of the node it comes from, a width by the size of its effect, and dashes if
// the effect is negative. Letters at a node are the inputs that links lead to,
// such as q, k and v. Links pass between nodes, never behind them. Of more than a
// hundred, those that pass between the same two nodes run together, and weak ones
// are faint.
//
// A graph of more than 400 links is drawn as a map of its layers, with the effects
// of all links from one layer to another added up.
func Circuit(g Graph, opts ...Option) *Figure {
	return build("Circuit", opts, func(o options) (parts, error) {
		n, err := readGraph(g)
		if err != nil {
			return parts{}, err
		}
		if o.title == "" {
			o.title = n.title
		}
		p := parts{title: o.title, desc: n.describe(o.title), text: n.table(o.title), data: n.records(o.title)}
		if len(n.links) > manyLinks {
			p.scene = n.layers(o)
			return p, nil
		}
		n.place()
		p.scene, p.live = n.draw(o), n.live()
		return p, nil
	})
}

// network is a checked copy of a Graph.
type network struct {
	title, unit string
	nodes       []vertex
	links       []link
	classes     []string // in order of their first node
	columns     []string // those that nodes stand in, from left to right
	rows        []int    // layers that have nodes, from the bottom
	room        []float64
	most        float64                // the size of the largest effect
	named       func(layer int) string // by the graph, nil if it does not
}

type vertex struct {
	label, class, column string
	layer                int
	row, band            int     // index in rows; index in columns, or -1
	u                    float64 // across the layers, in nodes' widths
	in, out              int     // links
	ports                []string
}

type link struct {
	from, to int
	kind     string
	effect   float64
}

func readGraph(g Graph) (*network, error) {
	if g == nil {
		return nil, fmt.Errorf("no data: got nil, want a graph")
	}
	if e, ok := g.(interface{ Err() error }); ok {
		if err := e.Err(); err != nil {
			return nil, fmt.Errorf("the data carries an error: %w", err)
		}
	}
	count, links := g.Len(), g.Links()
	switch {
	case count <= 0:
		return nil, fmt.Errorf("the graph has no nodes")
	case count > maxNodes || links > maxLinks:
		return nil, fmt.Errorf("%d nodes and %d links: at most %d and %d are drawn; keep the largest effects", count, links, maxNodes, maxLinks)
	}
	n := &network{title: cleanTo(g.Title(), maxTitle), unit: clean(g.EffectUnit())}
	if names, ok := g.(interface{ LayerName(layer int) string }); ok {
		n.named = names.LayerName
	}
	for _, c := range g.Columns() {
		n.columns = append(n.columns, clean(c))
	}
	for i := range count {
		label, class, column, layer := g.Node(i)
		v := vertex{label: clean(label), class: clean(class), column: clean(column), layer: layer, band: -1}
		if v.class != "" && !slices.Contains(n.classes, v.class) {
			n.classes = append(n.classes, v.class)
		}
		if v.column != "" && !slices.Contains(n.columns, v.column) {
			n.columns = append(n.columns, v.column)
		}
		n.rows = append(n.rows, layer)
		n.nodes = append(n.nodes, v)
	}
	for i := range links {
		from, to, kind, effect := g.Link(i)
		if from < 0 || from >= count || to < 0 || to >= count || from == to {
			return nil, fmt.Errorf("link %d joins nodes %d and %d of %d", i, from, to, count)
		}
		if math.IsNaN(effect) || math.IsInf(effect, 0) {
			return nil, fmt.Errorf("link %d, from %s to %s: the effect is %v", i, n.nodes[from].label, n.nodes[to].label, effect)
		}
		n.links = append(n.links, link{from, to, clean(kind), effect})
		n.most = max(n.most, math.Abs(effect))
		n.nodes[from].out++
		n.nodes[to].in++
		if p := n.links[i].port(); p != "" && !slices.Contains(n.nodes[to].ports, p) {
			n.nodes[to].ports = append(n.nodes[to].ports, p)
		}
	}
	slices.Sort(n.rows)
	n.rows = slices.Compact(n.rows)
	n.columns = slices.DeleteFunc(n.columns, func(c string) bool {
		return !slices.ContainsFunc(n.nodes, func(v vertex) bool { return v.column == c })
	})
	for i := range n.nodes {
		v := &n.nodes[i]
		v.row, _ = slices.BinarySearch(n.rows, v.layer)
		v.band = slices.Index(n.columns, v.column)
		slices.SortFunc(v.ports, func(a, b string) int { return cmp.Compare(portOrder(a), portOrder(b)) })
	}
	return n, nil
}

// inputs are the kinds of links that have a letter of their own at a node.
var inputs = map[string]string{"query": "q", "key": "k", "value": "v"}

// port is the letter of the input, "" if there is none.
func (l link) port() string { return inputs[l.kind] }

func portOrder(p string) int { return strings.Index("qkv", p) }

// strongest are the links by the size of their effect.
func (n *network) strongest() []link {
	all := slices.Clone(n.links)
	slices.SortStableFunc(all, func(a, b link) int { return cmp.Compare(math.Abs(b.effect), math.Abs(a.effect)) })
	return all
}

// drawn are the links in the order of their lines: the strongest first, since wide
// lines would hide narrow ones, but last of many, of which the weak are faint.
func (n *network) drawn() []link {
	all := n.strongest()
	if n.many() {
		slices.Reverse(all)
	}
	return all
}

// many tells whether links leave each other no room.
func (n *network) many() bool { return len(n.links) > fewLinks }

// name is the link in text.
func (n *network) name(l link) string {
	s := n.nodes[l.from].label + " → " + n.nodes[l.to].label
	if l.kind != "" && l.kind != n.nodes[l.to].label {
		s += " " + l.kind
	}
	return s
}

func (n *network) describe(title string) string {
	s := "Graph"
	if title != "" {
		s += " “" + title + "”"
	}
	s += fmt.Sprintf(": %d nodes of %d classes in %d layers, %d links.", len(n.nodes), len(n.classes), len(n.rows), len(n.links))
	if all := n.strongest(); len(all) > 0 {
		s += fmt.Sprintf(" The strongest is %s: %s.", n.name(all[0]), withUnit(all[0].effect, n.unit))
	}
	return s
}

// table is the text form: the layers from the top, and the strongest links.
func (n *network) table(title string) string {
	head := fmt.Sprintf("[nodes %d, links %d]", len(n.nodes), len(n.links))
	if title != "" {
		head = title + " " + head
	}
	if n.unit != "" {
		head += ", in " + n.unit
	}
	var b strings.Builder
	b.WriteString(head + "\n")
	for r := len(n.rows) - 1; r >= 0; r-- {
		var groups []string
		for _, class := range append(slices.Clone(n.classes), "") {
			var labels []string
			for _, v := range n.nodes {
				if v.row == r && v.class == class {
					labels = append(labels, v.label)
				}
			}
			switch {
			case len(labels) == 0:
			case class == "":
				groups = append(groups, strings.Join(labels, " "))
			default:
				groups = append(groups, fmt.Sprintf("%s (%s)", strings.Join(labels, " "), class))
			}
		}
		fmt.Fprintf(&b, "%-8s  %s\n", n.layerName(n.rows[r]), strings.Join(groups, ", "))
	}
	var rows [][]string
	all := n.strongest()
	for _, l := range all[:min(tableRows, len(all))] {
		rows = append(rows, []string{n.name(l), number(l.effect)})
	}
	b.WriteString(align(rows))
	if more := len(all) - tableRows; more > 0 {
		fmt.Fprintf(&b, "and %d more links\n", more)
	}
	return b.String()
}

// liveGraph is a graph as the script reads it: links and nodes in the order of
// their marks.
type liveGraph struct {
	Version int      `json:"v"`
	Kind    string   `json:"kind"` // "graph"
	Unit    string   `json:"unit"`
	What    string   `json:"what"`
	Links   [][3]any `json:"links"` // from, to, effect
	Texts   []int    `json:"texts"` // marks that belong to a node and follow it
}

func (n *network) live() any {
	l := &liveGraph{Version: 1, Kind: "graph", Unit: n.unit, What: "edges", Links: [][3]any{}}
	for _, k := range n.drawn() {
		l.Links = append(l.Links, [3]any{k.from, k.to, float32(k.effect)})
	}
	for _, v := range n.nodes {
		l.Texts = append(l.Texts, 1+len(v.ports))
	}
	return l
}

// records are the links.
func (n *network) records(title string) records {
	return records{title: title, unit: n.unit, columns: []string{"from", "to", "input", "effect"}, n: len(n.links), row: func(i int) []any {
		l := n.links[i]
		return []any{n.nodes[l.from].label, n.nodes[l.to].label, l.kind, float32(l.effect)}
	}}
}
