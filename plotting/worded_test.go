package plotting

import (
	"strings"
	"testing"
)

// worded has a word for each cell.
type worded struct {
	fake
	words [][]string
}

func (w worded) CellTexts() [][]string { return w.words }

// Cells that stand for words show them, those that are too long without their middle, and
// say them with the value on hover.
func TestWordsAreInCells(t *testing.T) {
	x := worded{fake{shape: []int{2, 2}, vals: []float32{.1, .9, .25, .5}, names: []string{"layer", "pos"}}, [][]string{{"the", "of"}, {"a", "incomprehensibilities"}}}
	draw := func(opts ...Option) string {
		svg, err := Heatmap(x, opts...).SVG()
		if err != nil {
			t.Fatal(err)
		}
		return string(svg)
	}
	svg := draw()
	for _, want := range []string{">the<", ">of<", ">a<", "layer 1, pos 1: incomprehensibilities, 0.5", "layer 0, pos 0: the, 0.1", "…"} {
		if !strings.Contains(svg, want) {
			t.Errorf("there is no %q in %s", want, svg)
		}
	}
	if strings.Contains(svg, ">0.25<") {
		t.Error("a value stands in a cell of words")
	}
	if plain := draw(Values(false)); strings.Contains(plain, ">the<") || !strings.Contains(plain, "the, 0.1") {
		t.Errorf("without values there is still a word in a cell, or none on hover: %s", plain)
	}
	x.words = x.words[:1]
	if err := Heatmap(x).Err(); err == nil || !strings.Contains(err.Error(), "2 words in 1 rows; there are 4 cells in 2 rows") {
		t.Errorf("words for one row of two: %v", err)
	}
}
