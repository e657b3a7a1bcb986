package plotting

import (
	"math"
	"slices"
)

// A way is where a link goes: places along the rows at heights above the first,
// both in pixels. At each of them it runs straight across the rows.
type way []stop

type stop struct{ along, level float64 }

// halfPill is how far above and below its middle a node keeps links away.
const halfPill = pillHeight/2 + 2

// route is the way of a link from stop to stop that passes between nodes, not
// behind them.
func (b *board) route(l link, from, to stop, width float64) way {
	v, w := b.nodes[l.from], b.nodes[l.to]
	if v.row >= w.row { // to a node beside it: over the top, down between the two, and up
		gap := b.gap(w.row, to.along+math.Copysign(b.slot/2, from.along-to.along), width)
		turn := b.step / 4
		return way{from, {from.along, from.level + turn/2}, {gap, from.level + turn/2}, {gap, to.level - turn/2}, {to.along, to.level - turn/2}, to}
	}
	ws := way{from, to}
	around := map[int]bool{}
	for range w.row - v.row { // every row between can ask for one detour
		clear := true
		for r := v.row + 1; r < w.row && clear; r++ {
			if around[r] {
				continue
			}
			level := b.level(r)
			for near := -halfPill; near <= halfPill; near += 4 { // a steep link crosses a node in less than its height
				clear = clear && !b.hits(r, ws.at(level+near), width)
			}
			if !clear {
				around[r] = true
				gap := b.gap(r, ws.at(level), width)
				i := slices.IndexFunc(ws, func(s stop) bool { return s.level > level })
				ws = slices.Insert(ws, i, stop{gap, level - halfPill}, stop{gap, level + halfPill})
			}
		}
		if clear {
			break
		}
	}
	return ws
}

// level is the height of a row.
func (b *board) level(row int) float64 { return (float64(row) + 0.5) * b.step }

// at is where the way is at a height between its ends.
func (w way) at(level float64) float64 {
	i := slices.IndexFunc(w, func(s stop) bool { return s.level >= level })
	if i <= 0 {
		return w[max(i, 0)].along
	}
	p, q := w[i-1], w[i]
	want := (level - p.level) / (q.level - p.level)
	lo, hi := 0.0, 1.0
	for range 20 { // the cubic's height rises with t: halve
		t := (lo + hi) / 2
		if 1.5*t-1.5*t*t+t*t*t < want {
			lo = t
		} else {
			hi = t
		}
	}
	return p.along + (q.along-p.along)*lo*lo*(3-2*lo)
}

// hits says whether a line of the width at that place of a row touches a node.
func (b *board) hits(row int, along, width float64) bool {
	return slices.ContainsFunc(b.nodes, func(v vertex) bool {
		return v.row == row && math.Abs(v.u*b.slot-along) < b.half(v)+width/2
	})
}

// half is half the room that a node takes along its row.
func (b *board) half(v vertex) float64 {
	if b.across {
		return pillHeight / 2
	}
	return b.wide(v) / 2
}

// gap is the place between nodes of the row, or beside them, that is nearest.
func (b *board) gap(row int, along, width float64) float64 {
	var edges [][2]float64
	for _, v := range b.nodes {
		if v.row == row {
			edges = append(edges, [2]float64{v.u*b.slot - b.half(v), v.u*b.slot + b.half(v)})
		}
	}
	slices.SortFunc(edges, func(p, q [2]float64) int { return int(math.Copysign(1, p[0]-q[0])) })
	best, room := along, width/2+2
	nearest, low, high := math.Inf(1), 0.0, 0.0
	try := func(lo, hi float64) {
		x := min(max(along, lo+room), hi-room) // as near as it can
		if hi-lo < 2*room || b.many() && !math.IsInf(hi-lo, 0) {
			x = (lo + hi) / 2
		}
		if d := math.Abs(x - along); d < nearest {
			best, nearest, low, high = x, d, lo+room, hi-room
		}
	}
	before := math.Inf(-1)
	for _, e := range edges {
		if e[0]-before > 3 { // narrower ones hide the line anyway
			try(before, e[0])
		}
		before = e[1]
	}
	try(before, math.Inf(1))
	if b.many() { // they run together
		return best
	}
	// Links that pass at the same place stand side by side, as far as there is room.
	side := 4.0
	if high-best < best-low {
		side = -side
	}
	for range 4 {
		beside := best + side
		if !slices.ContainsFunc(b.taken[row], func(x float64) bool { return math.Abs(x-best) < 3 }) || beside < low || beside > high {
			break
		}
		best = beside
	}
	b.taken[row] = append(b.taken[row], best)
	return best
}

// curve is the way in pixels of the figure.
func (b *board) curve(w way) []point {
	at := func(along, level float64) point {
		if b.across {
			return point{b.left + level, b.top + along}
		}
		return point{b.left + along, b.top + b.h - level}
	}
	pts := []point{at(w[0].along, w[0].level)}
	for i, s := range w[1:] {
		p := w[i]
		mid := (p.level + s.level) / 2
		near, far := at(p.along, mid), at(s.along, mid)
		if p.level == s.level { // a turn: out and back
			out := math.Copysign(b.step/4, float64(1-2*min(i, 3)/3))
			near, far = at(p.along, p.level+out), at(s.along, s.level+out)
		}
		pts = append(pts, near, far, at(s.along, s.level))
	}
	return pts
}
