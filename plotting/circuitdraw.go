package plotting

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Sizes of a graph, in pixels.
const (
	pillWidth  = 42.0
	pillHeight = 24.0
	nodeGap    = 12.0 // between nodes of a row
	layerGap   = 42.0 // between rows, the letters of the inputs included
	portSize   = cellSize
	portStep   = 12.0 // between the letters
	portRoom   = 12.0
	maxStroke  = 8.0
	minStroke  = 0.9
)

var (
	bandFill = rgb(0xf6f7f9) // every other column
	plain    = rgb(0xd5d8dc) // a node without class
)

// board maps a graph's layers and places to pixels.
type board struct {
	*network
	across     bool              // layers run from left to right
	slot, step float64           // pixels of a node's width, and between layers
	pill       float64           // the widest node
	left, top  float64           // of the data
	taken      map[int][]float64 // by row: where links pass
	w, h       float64
}

// at is the middle of a node.
func (b *board) at(v vertex) point {
	along, level := v.u*b.slot, b.level(v.row)
	if b.across {
		return point{b.left + level, b.top + along}
	}
	return point{b.left + along, b.top + b.h - level}
}

func (n *network) draw(o options) *scene {
	width := pillWidth
	for _, v := range n.nodes {
		width = max(width, widthOf(v.label))
	}
	b := &board{network: n, across: o.horizontal, pill: width, taken: map[int][]float64{}}
	places, levels := 0.0, float64(len(n.rows))
	for _, w := range n.room {
		places += w
	}
	b.slot, b.step = width+nodeGap, pillHeight+layerGap
	if b.across {
		b.slot, b.step = pillHeight+nodeGap, width+layerGap+portRoom
	}
	var layers []string
	for _, l := range n.rows {
		layers = append(layers, n.layerName(l))
	}
	b.left = margin + widest(layers, tickSize) + tickGap + margin
	if b.across {
		b.left = margin
		if len(n.columns) > 0 {
			b.left += bolder*widest(n.columns, textSize) + 2*tickGap
		}
	}
	for i := range n.columns { // a name on one line, if the nodes need not stand too far apart for it
		if !b.across {
			b.slot = max(b.slot, min(bolder*widest(n.columns[i:i+1], textSize)/n.room[i], 2*b.slot))
		}
	}
	entries := n.legend()
	key := min(widest(legendText(entries), textSize), legendRoom)
	keyHeight := legendRow/2 + margin
	for _, e := range entries {
		keyHeight += legendRow + moreLines(wrap(e.label, textSize, key))
	}
	right := 3*margin + 26 + tickGap + key
	if len(entries) == 0 {
		right = margin
	}
	b.fit(o, places, levels, right, len(entries))
	b.w, b.h = places*b.slot, levels*b.step
	if b.across {
		b.w, b.h = levels*b.step, places*b.slot
	}
	s := &scene{w: math.Ceil(max(b.left+b.w+right, 240))}
	b.top = s.heading(o.title)
	below := margin
	if len(n.columns) > 0 || b.across {
		below = textSize + 2*margin
	}
	if !b.across {
		most := 0.0
		for i, c := range b.columns {
			most = max(most, moreLines(b.columnLines(c, b.room[i])))
		}
		below += most
	}
	s.h = math.Ceil(b.top + max(b.h+below, keyHeight))
	b.frame(s)
	b.lines(s)
	for _, v := range n.nodes {
		b.node(s, v)
	}
	b.key(s, entries, key)
	s.footer(o.caption)
	return s
}

// bolder is how much wider bold type is.
const bolder = 1.1

// columnLines are the name of a column of so many nodes, in lines.
func (b *board) columnLines(name string, nodes float64) []string {
	return wrap(name, textSize, nodes*b.slot/bolder)
}

func widthOf(label string) float64 { return width(label, tickSize)/slack + 14 }

// fit makes room for a size that was asked for, and keeps a wide graph on the
// page as far as its nodes allow.
func (b *board) fit(o options, places, levels, right float64, entries int) {
	w, h := &b.slot, &b.step
	nw, nh := places, levels
	if b.across {
		w, h, nw, nh = h, w, levels, places
	}
	least := b.slot - nodeGap/2 // links pass between nodes
	if b.across {
		least = b.step - layerGap
	}
	room := pageWidth
	if o.w > 0 {
		room = o.w
	}
	fits := (room - b.left - right) / nw
	if b.many() && fits > *w { // many links need room between nodes
		*w = min(fits, 2*(*w))
	}
	if fits < *w || o.w > 0 {
		*w = max(fits, least)
	}
	if o.h > 0 {
		used := titleRoom(o.title) + textSize + 3*margin
		*h = max((o.h-used)/nh, pillHeight+4)
	}
}

func (n *network) layerName(layer int) string {
	if n.named != nil {
		return clean(n.named(layer))
	}
	if layer < 0 {
		return ""
	}
	for _, v := range n.nodes { // what has no class and no number is no part of a layer
		if v.layer == layer && (v.class != "" || v.label != "" && v.label[0] >= '0' && v.label[0] <= '9') {
			return fmt.Sprintf("layer %d", layer)
		}
	}
	return ""
}

// frame draws the columns and the layers.
func (b *board) frame(s *scene) {
	x := 0.0
	for i, c := range b.columns {
		w := b.room[i] * b.slot
		if b.across {
			if i%2 == 0 {
				s.add(box{x: b.left, y: b.top + x, w: b.w, h: w, fill: bandFill})
			}
			s.add(text{x: b.left - tickGap, y: mid(b.top+x+w/2, textSize), s: c, size: textSize, fill: ink, anchor: end, bold: true})
		} else {
			if i%2 == 0 {
				s.add(box{x: b.left + x, y: b.top, w: w, h: b.h, fill: bandFill})
			}
			for k, l := range b.columnLines(c, b.room[i]) {
				s.add(text{x: b.left + x + w/2, y: b.top + b.h + textSize + 4 + nameLine*float64(k), s: l, size: textSize, fill: ink, anchor: middle, bold: true})
			}
		}
		x += w
	}
	for r, layer := range b.rows {
		level, label := (float64(r)+0.5)*b.step, b.layerName(layer)
		if b.across {
			if label != "" {
				s.add(text{x: b.left + level, y: b.top + b.h + textSize + 4, s: label, size: tickSize, fill: soft, anchor: middle})
			}
			s.add(vline(b.left+level, b.top, b.top+b.h, faint))
			continue
		}
		y := b.top + b.h - level
		if label != "" {
			s.add(text{x: b.left - margin, y: mid(y, tickSize), s: label, size: tickSize, fill: soft, anchor: end})
		}
		s.add(hline(b.left, b.left+b.w, y, faint))
	}
}

// colour is that of a class. Classes beyond the colours that there are have lighter
// shades of them.
func (n *network) colour(class string) color {
	i := slices.Index(n.classes, class)
	if i < 0 {
		return plain
	}
	c := seriesColour(i)
	for range i / len(series) {
		c = color{R: c.R/2 + 127, G: c.G/2 + 127, B: c.B/2 + 127, A: c.A}
	}
	return c
}

// stroke is a link's width.
func (n *network) stroke(effect float64) float64 {
	if most := n.most; most > 0 {
		return max(minStroke, maxStroke*math.Abs(effect)/most)
	}
	return minStroke
}

// opposed are the dashes of a link with a negative effect.
func opposed(width float64) []float64 { return []float64{max(4, 1.2*width), max(3, 0.8*width)} }

// fewLinks are links that leave each other room.
const fewLinks = 100

// opacity is a link's: what lies below it shows, and of many links the weak are
// faint.
func (n *network) opacity(effect float64) uint8 {
	if most := n.most; most > 0 && n.many() {
		return uint8(45 + 175*math.Sqrt(math.Abs(effect)/most))
	}
	return 165
}

// lines draws the links around the nodes that they pass.
func (b *board) lines(s *scene) {
	for _, l := range b.drawn() {
		v, w := b.nodes[l.from], b.nodes[l.to]
		width := b.stroke(l.effect)
		c := b.colour(v.class)
		if v.class == "" {
			c = line
		}
		c.A = b.opacity(l.effect)
		end := b.port(w, l.port())
		from, to := stop{v.u * b.slot, b.level(v.row) + pillHeight/2 - 4}, stop{end.x - b.left, b.top + b.h - end.y}
		if b.across {
			from.level = b.level(v.row) + b.wide(v)/2 - 4
			to = stop{end.y - b.top, end.x - b.left}
		}
		curve := spline{pts: b.curve(b.route(l, from, to, width)), stroke: c, width: width, tip: b.name(l) + ": " + withUnit(l.effect, b.unit)}
		if l.effect < 0 {
			curve.dash = opposed(width)
		}
		s.add(curve)
	}
}

// port is where links to an input of a node end.
func (b *board) port(v vertex, port string) point {
	p := b.at(v)
	off, room := 0.0, 0.0
	if len(v.ports) > 0 {
		room = portRoom
		if i := slices.Index(v.ports, port); i >= 0 {
			off = portStep * (float64(i) - float64(len(v.ports)-1)/2)
		}
	}
	if b.across {
		return point{p.x - widthOf(v.label)/2 - room, p.y + 0.75*off}
	}
	return point{p.x + off, p.y + pillHeight/2 + room}
}

// wide is the width of a node.
func (b *board) wide(v vertex) float64 { return min(b.pill, max(pillWidth-6, widthOf(v.label))) }

func (b *board) node(s *scene, v vertex) {
	p := b.at(v)
	tip := v.label
	if v.class != "" {
		tip += ", " + v.class
	}
	if v.column != "" {
		tip += ", at " + v.column
	}
	tip += fmt.Sprintf(": %d in, %d out", v.in, v.out)
	c := b.colour(v.class)
	name := text{x: p.x, y: mid(p.y, tickSize), s: v.label, size: tickSize, fill: on(c), anchor: middle, bold: true, through: true}
	if widthOf(v.label) > pillWidth { // in a wider font it would run out of its pill
		name.length = measured(v.label, tickSize, true)
	}
	s.add(pill{p.x, p.y, b.wide(v), pillHeight, c, white, 1.5, tip}, name)
	for _, port := range v.ports {
		q := b.port(v, port)
		t := text{x: q.x, y: q.y - 2, s: port, size: portSize, fill: soft, anchor: middle, through: true}
		if b.across {
			t.x, t.y, t.anchor = q.x+2, mid(q.y, portSize), start
		}
		s.add(t)
	}
}

// legendRow is the height of a line of the legend.
const legendRow = textSize + 8

// legend lists the classes, from the top of the graph, and two widths.
func (n *network) legend() []entry {
	var all []entry
	order := slices.Clone(n.classes)
	highest := func(class string) float64 {
		sum, count := 0.0, 0.0
		for _, v := range n.nodes {
			if v.class == class {
				sum, count = sum+float64(v.row), count+1
			}
		}
		return sum / count
	}
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(highest(b), highest(a)) })
	for _, class := range order {
		all = append(all, entry{label: class, fill: n.colour(class)})
	}
	if most := n.most; most > 0 {
		for _, v := range []float64{most, most / 4} {
			all = append(all, entry{label: withUnit(v, n.unit), fill: line, line: true, width: n.stroke(v)})
		}
		if slices.ContainsFunc(n.links, func(l link) bool { return l.effect < 0 }) {
			all = append(all, entry{label: "negative", fill: line, line: true, width: n.stroke(most / 4), dash: opposed(n.stroke(most / 4))})
		}
	}
	return all
}

// key draws the legend.
func (b *board) key(s *scene, entries []entry, room float64) {
	x, y := b.left+b.w+2*margin, b.top+legendRow/2
	for i, e := range entries {
		if i > 0 && e.line && !entries[i-1].line {
			y += legendRow / 2
		}
		if e.line {
			s.add(path{pts: []point{{x, y}, {x + 26, y}}, stroke: e.fill, width: e.width, dash: e.dash})
		} else {
			s.add(pill{x + 13, y, 22, 12, e.fill, white, 1, ""})
		}
		lines := wrap(e.label, textSize, room)
		for k, l := range lines {
			s.add(text{x: x + 26 + tickGap, y: mid(y, textSize) + nameLine*float64(k), s: l, size: textSize, fill: ink})
		}
		y += legendRow + moreLines(lines)
	}
}
