package plotting

import (
	imgcolor "image/color"
	"math"
)

// color is a colour of the figure.
type color = imgcolor.NRGBA

// rgb is an opaque colour, written as in CSS.
func rgb(v uint32) color {
	return color{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 255}
}

// Palette maps a position in [0, 1] to a colour.
type Palette struct {
	name  string
	stops []color
	// centred palettes put zero in the middle of the scale.
	centred bool
}

// The palettes keep their order for readers who confuse red and green, and in
// print: lightness falls steadily from the light end.
var (
	// Diverging runs blue, white, red with white at zero.
	Diverging = Palette{"blue–white–red", []color{
		rgb(0x143c78), rgb(0x3f7fbf), rgb(0xa9cce4),
		rgb(0xf8f8f8),
		rgb(0xf3b7a0), rgb(0xd1554c), rgb(0x84102a)}, true}
	// Sequential runs from nearly white to dark blue.
	Sequential = Palette{"white–blue", []color{
		rgb(0xfafbfd), rgb(0xc3daee), rgb(0x6faad6),
		rgb(0x2a6fb0), rgb(0x0a2f66)}, false}
	// Greys runs from nearly white to black, for print.
	Greys = Palette{"white–black", []color{
		rgb(0xfbfbfb), rgb(0x8c8c8c), rgb(0x141414)}, false}
)

// At is the colour at t; t outside [0, 1] is clamped.
func (p Palette) At(t float64) color {
	if len(p.stops) == 0 || math.IsNaN(t) {
		return blank
	}
	x := min(max(t, 0), 1) * float64(len(p.stops)-1)
	i := min(int(x), len(p.stops)-2)
	if i < 0 {
		return p.stops[0]
	}
	f := x - float64(i)
	a, b := p.stops[i], p.stops[i+1]
	mix := func(a, b uint8) uint8 { return uint8(math.Round(float64(a) + f*(float64(b)-float64(a)))) }
	return color{R: mix(a.R, b.R), G: mix(a.G, b.G), B: mix(a.B, b.B), A: 255}
}

// series are the colours of lines, bars and points, in order: Okabe and Ito's
// set, told apart by every kind of colour vision, without its yellow, which
// does not show on white.
var series = []color{
	rgb(0x0072b2), rgb(0xd55e00), rgb(0x009e73),
	rgb(0xcc79a7), rgb(0x444444), rgb(0xe69f00), rgb(0x56b4e9),
}

// dashes tell series apart once the colours repeat.
var dashes = [][]float64{nil, {6, 3}, {2, 3}, {8, 3, 2, 3}}

func seriesColour(i int) color { return series[i%len(series)] }

func seriesDash(i int) []float64 { return dashes[i/len(series)%len(dashes)] }

// on is the text colour that reads on the background c.
func on(c color) color {
	// Luma by BT.601; under 140 of 255 white text has the better contrast.
	if 0.299*float64(c.R)+0.587*float64(c.G)+0.114*float64(c.B) < 140 {
		return white
	}
	return ink
}

// scale maps values to colours.
type scale struct {
	lo, hi float64
	p      Palette
}

// shares are the units of what runs from 0 to 1, whatever of it the data shows.
var shares = map[string]bool{"attention": true, "probability": true, "accuracy": true, "score": true}

// newScale chooses the palette and range for values in [lo, hi]: diverging
// and symmetric about zero when any is negative, otherwise sequential from
// zero.
func newScale(lo, hi float64, unit string, o options) scale {
	p := Sequential
	if lo < 0 {
		p = Diverging
	}
	if o.palette != nil {
		p = *o.palette
	}
	if p.centred {
		hi = max(math.Abs(lo), math.Abs(hi))
		lo = -hi
	} else if lo > 0 {
		lo = 0
	}
	if shares[unit] && hi <= 1 { // and zero is an end already, or −1
		hi = 1
		if p.centred {
			lo = -1
		}
	}
	if o.ranged {
		lo, hi = o.vmin, o.vmax
	}
	if hi <= lo { // a constant: any range will do
		hi = lo + 1
	}
	return scale{lo, hi, p}
}

func (s scale) at(v float64) color {
	if math.IsNaN(v) {
		return blank
	}
	return s.p.At((v - s.lo) / (s.hi - s.lo))
}
