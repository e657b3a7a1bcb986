package plotting

import "math"

// line draws the runs between NaNs, and what is inside the y axis of them.
func (a *axes) line(s *scene, xs, ys []float64, c color, dash []float64) {
	var pts []point
	flush := func() {
		switch {
		case len(pts) == 1:
			s.add(dot{pts[0].x, pts[0].y, 3, c, ""})
		case len(pts) > 1:
			s.add(path{pts: thinned(pts), stroke: c, width: 2, dash: dash})
		}
		pts = nil
	}
	for i, y := range ys {
		if math.IsNaN(y) {
			flush()
			continue
		}
		in := min(max(y, a.y.lo), a.y.hi)
		if i > 0 && !math.IsNaN(ys[i-1]) && len(ys) > 1 {
			for _, edge := range []float64{a.y.lo, a.y.hi} { // where the line leaves or enters
				if t := (edge - ys[i-1]) / (y - ys[i-1]); t > 0 && t < 1 {
					u0, u1 := a.px(xs[i-1]), a.px(xs[i])
					if in == y { // enters
						flush()
					}
					pts = append(pts, point{u0 + t*(u1-u0), a.py(edge)})
				}
			}
		}
		if in == y {
			pts = append(pts, point{a.px(xs[i]), a.py(y)})
		} else {
			flush()
		}
	}
	flush()
	if len(xs) <= 40 { // few enough to mark where the data is
		for i, y := range ys {
			if !math.IsNaN(y) && y >= a.y.lo && y <= a.y.hi {
				s.add(dot{a.px(xs[i]), a.py(y), 2.5, c, ""})
			}
		}
	}
}

// thinned keeps, of a long line, the lowest and highest point of every half
// pixel: it looks the same and stays small.
func thinned(pts []point) []point {
	const most = 4000
	if len(pts) <= most {
		return pts
	}
	var out []point
	for i := 0; i < len(pts); {
		lo, hi, j := i, i, i
		for ; j < len(pts) && math.Abs(pts[j].x-pts[i].x) < 0.5; j++ {
			if pts[j].y < pts[lo].y {
				lo = j
			}
			if pts[j].y > pts[hi].y {
				hi = j
			}
		}
		out = append(out, pts[min(lo, hi)])
		if lo != hi {
			out = append(out, pts[max(lo, hi)])
		}
		i = j
	}
	return out
}

// shade fills between lo and hi, inside the y axis, run by run.
func (a *axes) shade(s *scene, xs, lo, hi []float64, c color) {
	c.A = 46 // of 255: the line on top and the grid below stay visible
	clamp := func(v float64) float64 { return a.py(min(max(v, a.y.lo), a.y.hi)) }
	for i := 0; i < len(xs); {
		j := i
		var up, down []point
		for ; j < len(xs) && !math.IsNaN(lo[j]) && !math.IsNaN(hi[j]); j++ {
			up = append(up, point{a.px(xs[j]), clamp(hi[j])})
			down = append(down, point{a.px(xs[j]), clamp(lo[j])})
		}
		for k := len(down) - 1; k >= 0; k-- {
			up = append(up, down[k])
		}
		if len(up) > 2 {
			s.add(path{pts: up, fill: c})
		}
		i = j + 1
	}
}
