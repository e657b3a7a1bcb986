//go:build !golens_cell

package plotting

import _ "github.com/golens/golens/plotting/fonts" // not in cells: half a second of each build

const remedy = "Install one that does, such as Noto Sans, or save the figure as SVG."
