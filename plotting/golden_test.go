package plotting

import (
	"testing"

	"github.com/golens/golens/plotting/plottest"
)

func TestGolden(t *testing.T) {
	// One PNG for each kind of mark is enough, and small; every figure has
	// its SVG, which holds all labels and hover titles.
	images := map[string]bool{"headmap_2x8": true, "lines_small": true, "bars_long": true, "attention_raster": true, "circuit_small": true}
	for name, f := range gallery() {
		t.Run(name, func(t *testing.T) {
			plottest.SVG(t, name, f)
			if images[name] {
				plottest.PNG(t, name, f)
			}
		})
	}
}
