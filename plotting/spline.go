package plotting

import (
	"fmt"
	"strings"

	"gonum.org/v1/plot/vg"
)

// spline is a smooth line: a point to start from, and for every piece two points
// that pull it and the point where it ends.
type spline struct {
	pts    []point
	stroke color
	width  float64
	dash   []float64
	tip    string
}

func (l spline) svg(w *svgWriter) {
	w.WriteString(`<path d="`)
	for i, p := range l.pts {
		switch {
		case i == 0:
			w.WriteByte('M')
		case i%3 == 1:
			w.WriteByte('C')
		default:
			w.WriteByte(' ')
		}
		w.WriteString(num(p.x) + " " + num(p.y))
	}
	fmt.Fprintf(w, `" fill="none" stroke="%s"%s stroke-width="%s"`, hex(l.stroke), opacity("stroke", l.stroke), num(l.width))
	if len(l.dash) > 0 {
		d := make([]string, len(l.dash))
		for i, v := range l.dash {
			d[i] = num(v)
		}
		fmt.Fprintf(w, ` stroke-dasharray="%s"`, strings.Join(d, " "))
	}
	w.close("path", l.tip)
}

func (l spline) draw(c vg.Canvas, h float64) {
	var v vg.Path
	p := func(i int) vg.Point { return at(l.pts[i].x, l.pts[i].y, h) }
	v.Move(p(0))
	for i := 1; i+2 < len(l.pts); i += 3 {
		v.CubeTo(p(i), p(i+1), p(i+2))
	}
	dash := make([]vg.Length, len(l.dash))
	for i, d := range l.dash {
		dash[i] = vg.Length(d)
	}
	c.SetColor(l.stroke)
	c.SetLineWidth(vg.Length(l.width))
	c.SetLineDash(dash, 0)
	c.Stroke(v)
}

// pill is a box with round ends, filled and outlined.
type pill struct {
	x, y, w, h float64 // x and y are of the centre
	fill       color
	stroke     color
	width      float64
	tip        string
}

func (p pill) svg(w *svgWriter) {
	fmt.Fprintf(w, `<rect x="%s" y="%s" width="%s" height="%s" rx="%s" fill="%s" stroke="%s" stroke-width="%s"`,
		num(p.x-p.w/2), num(p.y-p.h/2), num(p.w), num(p.h), num(p.h/2), hex(p.fill), hex(p.stroke), num(p.width))
	w.close("rect", p.tip)
}

func (p pill) draw(c vg.Canvas, h float64) {
	r := min(p.h, p.w) / 2
	const bow = 0.5523 // control points that make a quarter circle of a cubic
	k := r * bow
	x0, x1, y0, y1 := p.x-p.w/2, p.x+p.w/2, p.y-p.h/2, p.y+p.h/2
	var v vg.Path
	cube := func(a, b, c, d, e, f float64) { v.CubeTo(at(a, b, h), at(c, d, h), at(e, f, h)) }
	v.Move(at(x0+r, y0, h))
	v.Line(at(x1-r, y0, h))
	cube(x1-r+k, y0, x1, y0+r-k, x1, y0+r)
	v.Line(at(x1, y1-r, h))
	cube(x1, y1-r+k, x1-r+k, y1, x1-r, y1)
	v.Line(at(x0+r, y1, h))
	cube(x0+r-k, y1, x0, y1-r+k, x0, y1-r)
	v.Line(at(x0, y0+r, h))
	cube(x0, y0+r-k, x0+r-k, y0, x0+r, y0)
	v.Close()
	c.SetColor(p.fill)
	c.Fill(v)
	c.SetColor(p.stroke)
	c.SetLineWidth(vg.Length(p.width))
	c.SetLineDash(nil, 0)
	c.Stroke(v)
}
