//go:build !golens_cell

package plotting

import machine "github.com/golens/golens/plotting/fonts"

var realFonts = machine.New
