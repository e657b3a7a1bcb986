package plotting

import (
	"fmt"
	"slices"
)

// Heatmap draws any grid, x of shape [row column], as a heat map with row 0 on
// top; a grid of shape [panel row column] becomes small multiples with one
// colour scale. Labels come from the data's axes; long column labels are
// turned, and where cells are smaller than type some labels are left out.
// Colours are those of HeadMap. A figure of more than 2,500 cells is drawn as
// a raster, where only the largest value has a hover title.
//
// Data of shape [row column] that is [Worded] has its words written into the cells, in
// place of numbers, and colours say these.
func Heatmap(x Labeled, opts ...Option) *Figure {
	return build("Heatmap", opts, func(o options) (parts, error) {
		g, err := readMasked(x, "[row column]", "[panel row column]")
		if err != nil {
			return parts{}, err
		}
		if len(g.axes) == 3 && g.axes[0].n > maxPanels {
			return parts{}, fmt.Errorf("axis 0 (%q) has %d panels, at most %d are readable: slice the data first", g.axes[0].name, g.axes[0].n, maxPanels)
		}
		if w, is := x.(Worded); is && len(g.axes) == 2 {
			g.words = w.CellTexts()
			if got, want := len(slices.Concat(g.words...)), g.axes[0].n*g.axes[1].n; len(g.words) != g.axes[0].n || got != want {
				return parts{}, fmt.Errorf("%d words in %d rows; there are %d cells in %d rows", got, len(g.words), want, g.axes[0].n)
			}
		}
		return g.heatmap(o, false), nil
	})
}

// Worded is data whose cells stand for words, such as the tokens that a lens predicts.
type Worded interface {
	CellTexts() [][]string // [row][column]
}
