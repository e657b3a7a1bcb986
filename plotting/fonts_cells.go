//go:build golens_cell

package plotting

const remedy = `Save the figure as SVG, or import _ "github.com/golens/golens/plotting/fonts".`
