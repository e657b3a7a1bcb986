package plotting

import "fmt"

// Heatmap draws any grid, x of shape [row column], as a heat map with row 0 on
// top; a grid of shape [panel row column] becomes small multiples with one
// colour scale. Labels come from the data's axes; long column labels are
// turned, and where cells are smaller than type some labels are left out.
// Colours are those of HeadMap. A figure of more than 2,500 cells is drawn as
// a raster, where only the largest value has a hover title.
func Heatmap(x Labeled, opts ...Option) *Figure {
	return build("Heatmap", opts, func(o options) (parts, error) {
		g, err := readMasked(x, "[row column]", "[panel row column]")
		if err != nil {
			return parts{}, err
		}
		if len(g.axes) == 3 && g.axes[0].n > maxPanels {
			return parts{}, fmt.Errorf("axis 0 (%q) has %d panels, at most %d are readable: slice the data first", g.axes[0].name, g.axes[0].n, maxPanels)
		}
		return g.heatmap(o, false), nil
	})
}
