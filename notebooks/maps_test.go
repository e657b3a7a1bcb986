package notebooks

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/patch"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/plotting"
)

// got is what a call gave, or the test's end.
func got[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// A map, its data and the table of its strongest values show one number with one sign.
func TestMapAndTableAgree(t *testing.T) {
	m := got(model.Open("zoo:induction"))(t)
	clean, corrupted := m.Rows([][]int32{{0, 5, 6, 7, 5}}), m.Rows([][]int32{{0, 35, 6, 7, 5}})
	off := got(patch.KnockOut(m, task.Pairs{Clean: clean, Metric: model.LogProbOf(6)}, ablate.Ablation{Value: ablate.Zero}))(t)
	direct := got(patch.Paths{}.Patch(m, task.Pairs{Clean: clean, Corrupted: corrupted, Metric: model.LogitDiff(model.IDs(6), model.IDs(35))}))(t)
	signs := map[bool]int{}
	for name, e := range map[string]*patch.Effects{
		"knock-out": off, "knock-out, raw": got(off.In(patch.Raw))(t),
		"paths": direct, "paths, relative": got(direct.In(patch.Relative))(t),
	} {
		data := string(got(plotting.HeadMap(e).CSV())(t))
		table := got(e.Strongest(len(e.Values()), interp.Bootstrap{}))(t)
		rows := 0
		for line := range strings.Lines(table) {
			var layer, head int
			var shown float32
			if _, err := fmt.Sscanf(line, " %d.%d %g", &layer, &head, &shown); err != nil {
				t.Fatalf("%s: %q: %v", name, line, err)
			}
			i := slices.IndexFunc(strings.Split(data, "\n"), func(l string) bool { return strings.HasPrefix(l, fmt.Sprintf("%d,%d,", layer, head)) })
			if i < 0 {
				t.Fatalf("%s: no head %d.%d in\n%s", name, layer, head, data)
			}
			drawn, err := strconv.ParseFloat(strings.Split(strings.TrimSpace(strings.Split(data, "\n")[i]), ",")[2], 32)
			if want := e.At(layer, head); err != nil || drawn != float64(want) && float32(drawn) != float32(want) || math.Abs(float64(shown)-float64(want)) > 1e-3*math.Abs(float64(want)) {
				t.Errorf("%s, head %d.%d: the map has %g, the table %g, the value is %g (%v)", name, layer, head, drawn, shown, want, err)
			}
			signs[drawn < 0]++
			rows++
		}
		if rows != len(e.Values()) {
			t.Errorf("%s: %d rows for %d heads", name, rows, len(e.Values()))
		}
	}
	if signs[true] == 0 || signs[false] == 0 {
		t.Errorf("of one sign only: %v", signs)
	}
}

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
