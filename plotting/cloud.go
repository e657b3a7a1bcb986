package plotting

import (
	"fmt"
	"math"

	"gonum.org/v1/plot/vg"
)

// cloud is many small discs in one mark, one at most on each pixel.
type cloud struct {
	pts  []point
	r    float64
	fill color
	seen map[[2]int]bool
}

func (c *cloud) add(x, y float64) {
	if c.seen == nil {
		c.seen = map[[2]int]bool{}
	}
	k := [2]int{int(math.Round(x)), int(math.Round(y))}
	if !c.seen[k] {
		c.seen[k] = true
		c.pts = append(c.pts, point{float64(k[0]), float64(k[1])})
	}
}

// svg draws points as lines of no length with round ends: a dozen bytes each.
func (c *cloud) svg(w *svgWriter) {
	w.WriteString(`<path d="`)
	for _, p := range c.pts {
		w.WriteString("M" + num(p.x) + " " + num(p.y) + "h0")
	}
	fmt.Fprintf(w, `" stroke="%s"%s stroke-width="%s" stroke-linecap="round"/>`+"\n", hex(c.fill), opacity("stroke", c.fill), num(2*c.r))
}

func (c *cloud) draw(v vg.Canvas, h float64) {
	for _, p := range c.pts {
		dot{p.x, p.y, c.r, c.fill, ""}.draw(v, h)
	}
}
