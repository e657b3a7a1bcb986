package plotting

import (
	"math"
	"slices"
)

// place gives every node its place across the layers, in units of a node's
// width: in the band of its column, in an order in which few links cross, away
// from links that pass.
func (n *network) place() {
	widths := n.bands()
	starts := make([]float64, len(widths))
	x := 0.0
	for b, w := range widths {
		starts[b] = x
		x += w
	}
	n.room = widths
	groups := n.groups()
	for range 4 { // sweeps up and down; more change nothing
		for _, up := range []bool{true, false} {
			n.sweep(groups, starts, widths, up)
		}
	}
	n.loners(x)
	for range 3 { // loners move the others, and the others them
		n.improve(groups, starts, widths, effort/3)
		n.loners(x)
	}
}

// A shelf is the nodes of one row in one band.
type shelf struct {
	row, band int
	nodes     []int
}

// bands are the widths of the columns: as wide as their fullest row, and half a
// node more to move in if there are several rows; a whole one without columns.
func (n *network) bands() []float64 {
	most, rows := make([]int, max(1, len(n.columns))), make([]int, max(1, len(n.columns)))
	for _, s := range n.groups() {
		most[s.band] = max(most[s.band], len(s.nodes))
		rows[s.band]++
	}
	widths := make([]float64, len(most))
	for b, k := range most {
		widths[b] = float64(max(k, 1))
		if rows[b] > 1 {
			widths[b] += 0.5
		}
		if len(n.columns) == 0 {
			widths[b] += 0.5
		}
	}
	return widths
}

// groups are the shelves. Nodes that stand in no column, though there are some,
// and are alone in their row stand on none: they go where their links are.
func (n *network) groups() []shelf {
	var all []shelf
	for i, v := range n.nodes {
		if n.alone(v) {
			continue
		}
		band := max(0, v.band)
		k := slices.IndexFunc(all, func(s shelf) bool { return s.row == v.row && s.band == band })
		if k < 0 {
			k = len(all)
			all = append(all, shelf{row: v.row, band: band})
		}
		all[k].nodes = append(all[k].nodes, i)
	}
	slices.SortStableFunc(all, func(a, b shelf) int { return a.row - b.row })
	return all
}

func (n *network) alone(v vertex) bool {
	count := 0
	for _, other := range n.nodes {
		if other.row == v.row {
			count++
		}
	}
	return len(n.columns) > 0 && v.band < 0 && count == 1
}

// centre is the mean place of a node's neighbours, on one side or both.
func (n *network) centre(i int, lower, upper bool) (float64, bool) {
	sum, weight := 0.0, 0.0
	for _, l := range n.links {
		other := -1
		switch {
		case l.to == i:
			other = l.from
		case l.from == i:
			other = l.to
		}
		if other < 0 {
			continue
		}
		if below := n.nodes[other].row < n.nodes[i].row; below && lower || !below && upper {
			sum, weight = sum+n.nodes[other].u, weight+1
		}
	}
	return sum / weight, weight > 0
}

// sweep orders the nodes of each shelf by where their neighbours stand.
func (n *network) sweep(groups []shelf, starts, widths []float64, up bool) {
	order := slices.Clone(groups)
	if !up {
		slices.Reverse(order)
	}
	for _, s := range order {
		at := map[int]float64{}
		for _, i := range s.nodes {
			at[i] = n.nodes[i].u
			if c, ok := n.centre(i, up, !up); ok {
				at[i] = c
			}
		}
		slices.SortStableFunc(s.nodes, func(i, j int) int {
			switch {
			case at[i] < at[j]:
				return -1
			case at[i] > at[j]:
				return 1
			}
			return 0
		})
		for k, i := range s.nodes {
			n.nodes[i].u = starts[s.band] + widths[s.band]/2 + float64(k) - float64(len(s.nodes)-1)/2
		}
	}
}

// loners go where their links are.
func (n *network) loners(width float64) {
	for i, v := range n.nodes {
		if n.alone(v) {
			n.nodes[i].u = width / 2
			if c, ok := n.centre(i, true, true); ok {
				n.nodes[i].u = min(max(c, 0.5), width-0.5)
			}
		}
	}
}

// effort bounds the work of placing, in pairs of links and nodes looked at: less
// than a second. A graph of 27 nodes and 77 links takes a tenth of it.
const effort = 1e8

// improve moves nodes to other places of their shelf, and exchanges them, as
// long as that makes the drawing clearer.
func (n *network) improve(groups []shelf, starts, widths []float64, effort float64) {
	now := n.unclear()
	step := float64(len(n.links) * (len(n.links)/2 + 2*len(n.nodes)))
	for work := 0.0; work < effort; {
		better := false
		for _, s := range groups {
			for _, i := range s.nodes {
				if work > effort {
					return
				}
				old := n.nodes[i].u
				best, where, other := now, old, -1
				try := func(u float64, j int) {
					n.nodes[i].u = u
					if j >= 0 {
						n.nodes[j].u = old
					}
					if c := n.unclear(); c < best-1e-9 {
						best, where, other = c, u, j
					}
					if j >= 0 {
						n.nodes[j].u = u
					}
					n.nodes[i].u = old
					work += step
				}
				for u := starts[s.band] + 0.5; u <= starts[s.band]+widths[s.band]-0.5; u += 0.5 {
					if free := !slices.ContainsFunc(s.nodes, func(j int) bool { return j != i && math.Abs(n.nodes[j].u-u) < 1 }); free && u != old {
						try(u, -1)
					}
				}
				for _, j := range s.nodes {
					if j != i {
						try(n.nodes[j].u, j)
					}
				}
				if best < now-1e-9 {
					if other >= 0 {
						n.nodes[other].u = old
					}
					n.nodes[i].u, now, better = where, best, true
				}
			}
		}
		if !better {
			return
		}
	}
}

// across is where a link is at a level between its ends. It leaves and arrives
// upright.
func (n *network) across(l link, level float64) float64 {
	a, b := n.nodes[l.from], n.nodes[l.to]
	f := (level - float64(a.row)) / float64(b.row-a.row)
	return a.u + (b.u-a.u)*f*f*(3-2*f)
}

// unclear is what makes a drawing hard to read: crossings, links that pass
// behind nodes, long detours, and rows off the middle. Strong links count more.
func (n *network) unclear() float64 {
	cost, most := 0.0, max(n.most, 1e-300)
	weight := func(l link) float64 { return 0.4 + math.Abs(l.effect)/most }
	for i, l := range n.links {
		a, b := n.nodes[l.from], n.nodes[l.to]
		cost += 0.05 * math.Abs(a.u-b.u) * weight(l)
		if a.row >= b.row {
			continue
		}
		for _, v := range n.nodes {
			if v.row > a.row && v.row < b.row {
				if d := math.Abs(n.across(l, float64(v.row)) - v.u); d < 0.6 {
					cost += 4 * (1 - d) * weight(l)
				}
			}
		}
		for _, m := range n.links[i+1:] {
			c, d := n.nodes[m.from], n.nodes[m.to]
			lo, hi := max(a.row, c.row), min(b.row, d.row)
			if c.row >= d.row || lo >= hi {
				continue
			}
			below, above := n.across(l, float64(lo))-n.across(m, float64(lo)), n.across(l, float64(hi))-n.across(m, float64(hi))
			if below*above < 0 {
				cost += weight(l) + weight(m)
			}
		}
	}
	return cost + n.skew()
}

// skew draws every shelf to the middle of its band, as far as nothing else asks
// for another place.
func (n *network) skew() float64 {
	start, cost := 0.0, 0.0
	for b, w := range n.room {
		for _, v := range n.nodes {
			if max(0, v.band) == b && !(v.band < 0 && len(n.columns) > 0) {
				cost += 0.01 * math.Abs(v.u-start-w/2)
			}
		}
		start += w
	}
	return cost
}
