package plotting

import (
	imgcolor "image/color"
	"math"
)

// color is a colour of the figure.
type color = imgcolor.NRGBA

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
		{0x14, 0x3c, 0x78, 255}, {0x3f, 0x7f, 0xbf, 255}, {0xa9, 0xcc, 0xe4, 255},
		{0xf8, 0xf8, 0xf8, 255},
		{0xf3, 0xb7, 0xa0, 255}, {0xd1, 0x55, 0x4c, 255}, {0x84, 0x10, 0x2a, 255}}, true}
	// Sequential runs from nearly white to dark blue.
	Sequential = Palette{"white–blue", []color{
		{0xfa, 0xfb, 0xfd, 255}, {0xc3, 0xda, 0xee, 255}, {0x6f, 0xaa, 0xd6, 255},
		{0x2a, 0x6f, 0xb0, 255}, {0x0a, 0x2f, 0x66, 255}}, false}
	// Greys runs from nearly white to black, for print.
	Greys = Palette{"white–black", []color{
		{0xfb, 0xfb, 0xfb, 255}, {0x8c, 0x8c, 0x8c, 255}, {0x14, 0x14, 0x14, 255}}, false}
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
	return color{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 255}
}

// series are the colours of lines, bars and points, in order: Okabe and Ito's
// set, told apart by every kind of colour vision, without its yellow, which
// does not show on white.
var series = []color{
	{0x00, 0x72, 0xb2, 255}, {0xd5, 0x5e, 0x00, 255}, {0x00, 0x9e, 0x73, 255},
	{0xcc, 0x79, 0xa7, 255}, {0x44, 0x44, 0x44, 255}, {0xe6, 0x9f, 0x00, 255}, {0x56, 0xb4, 0xe9, 255},
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

// newScale chooses the palette and range for values in [lo, hi]: diverging
// and symmetric about zero when any is negative, otherwise sequential from
// zero.
func newScale(lo, hi float64, o options) scale {
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
