package interp_test

import (
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/plotting"
)

// Attention scores, as a model has them, are drawn: what a query may not look at is
// -Inf there, and no value in the figure.
func TestScoresAreDrawn(t *testing.T) {
	m, err := model.Open("zoo:induction")
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Run(m.Rows([][]int32{{1, 2, 3, 1, 2}}).Capture(hook.Scores(0)))
	if err != nil {
		t.Fatal(err)
	}
	f := plotting.Attention(r.At(hook.Scores(0)).Pick("batch", 0).Pick("head", 0))
	svg, err := f.SVG()
	if err != nil {
		t.Fatal(err)
	}
	if text := string(svg); strings.Contains(text, "Inf") || strings.Contains(text, "NaN") || strings.Count(text, "<title>") < 5*6/2 {
		t.Errorf("the lower triangle of 15 and nothing above it: %d titles\n%.2000s", strings.Count(text, "<title>"), text)
	}
}
