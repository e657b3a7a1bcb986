package plotting

import "testing"

// BenchmarkFigure measures a figure from data to the SVG that a notebook
// shows: the time between a result and its picture.
func BenchmarkFigure(b *testing.B) {
	heads, attention := headScores(), pattern(12, words(64))
	for _, c := range []struct {
		name string
		draw func() *Figure
	}{
		{"headmap12x12", func() *Figure { return HeadMap(heads) }},
		{"attention12x64", func() *Figure { return Attention(attention) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				svg, err := c.draw().SVG()
				if err != nil {
					b.Fatal(err)
				}
				n = len(svg)
			}
			b.ReportMetric(float64(n), "svg-bytes")
		})
	}
}

func BenchmarkPNG(b *testing.B) {
	f := HeadMap(headScores())
	for b.Loop() {
		if _, err := f.PNG(); err != nil {
			b.Fatal(err)
		}
	}
}
