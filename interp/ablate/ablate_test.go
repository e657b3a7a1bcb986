package ablate_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

func open(t testing.TB) *model.Model {
	t.Helper()
	m, err := model.Open(modeltest.Dir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// shows tells whether a run with edits has certain values at one head and position
// of a row, and leaves other heads of the layer alone.
func shows(t *testing.T, m *model.Model, prompts model.Prompts, edits []hook.Edit, layer, head, row, pos int, want []float32) {
	t.Helper()
	at := hook.Z(layer)
	plain, cut := must(m.Run(prompts.Capture(at)))(t).At(at), must(m.Run(prompts.Edit(edits...).Capture(at)))(t).At(at)
	for h := range m.Config().Heads {
		for i := range m.Config().DHead {
			v := plain.At(row, pos, h, i)
			if h == head {
				v = float64(want[i])
			}
			if got := cut.At(row, pos, h, i); math.Abs(got-v) > 1e-6 {
				t.Fatalf("row %d, head %d, position %d: %g, want %g", row, h, pos, got, v)
			}
		}
	}
}

// meanOf is the mean of a head over rows at a position.
func meanOf(z *array.Array, head, pos int, rows ...int) []float32 {
	return z.Select(hook.Head, head).Select(hook.Batch, rows...).Mean(hook.Batch).Select(hook.Pos, pos).Values()
}

// Means within a template never mix templates: what is put in is the mean of
// exactly that template at each position, whatever the other holds.
func TestTemplateMean(t *testing.T) {
	m := open(t)
	prompts := m.Rows([][]int32{{1, 2, 3}, {4, 5, 6, 7}, {8, 9, 3}})
	reference := m.Rows([][]int32{{11, 12, 13}, {14, 15, 16, 17}, {18, 19, 20}, {21, 22, 23, 24}, {31, 32, 33}})
	k := task.Pairs{Clean: prompts, Templates: []int{7, 3, 7}, Metric: model.LogProbOf(2)}
	z := must(m.Run(reference.Capture(hook.Z(1))))(t).At(hook.Z(1))
	all := [][]int{{0, 2, 4}, {1, 3}, {0, 2, 4}}
	for name, c := range map[string]struct {
		templates []int
		value     ablate.Value
		members   [][]int
	}{
		"two templates":      {[]int{7, 3, 7, 3, 7}, ablate.TemplateMean, all},
		"of one length":      {[]int{7, 3, 7, 3, 3}, ablate.TemplateMean, [][]int{{0, 2}, {1, 3}, {0, 2}}},
		"whatever templates": {[]int{9, 9, 9, 9, 9}, ablate.PositionMean, all},
	} {
		a := ablate.Ablation{Value: c.value, Reference: ablate.Reference{Prompts: reference, Templates: c.templates}}
		edits := must(a.Edits(m, k, hook.Z(1).Head(2).AtEach([]int{1, -1, 2})))(t)
		for row, pos := range []int{1, 3, 2} {
			t.Run(name, func(t *testing.T) { shows(t, m, prompts, edits, 1, 2, row, pos, meanOf(z, 2, pos, c.members[row]...)) })
		}
	}
}

// The corrupted prompts are the reference of a task that has some. Of one that has
// none the clean ones are, but for means at each position: their mean would keep
// what they all have there.
func TestDefaultReference(t *testing.T) {
	m := open(t)
	clean, corrupted := m.Rows([][]int32{{1, 2, 3}, {4, 5, 6}}), m.Rows([][]int32{{11, 12, 13}, {14, 15, 16}})
	at := hook.Z(1).Head(2).At(-1)
	for _, from := range []model.Prompts{clean, corrupted} {
		z := must(m.Run(from.Capture(hook.Z(1))))(t).At(hook.Z(1))
		k := task.Pairs{Clean: clean}
		if from.IDs[0][0] == 11 {
			k.Corrupted = corrupted
		}
		for value, rows := range map[ablate.Value][]int{ablate.TemplateMean: {0, 1}, ablate.Resample: {1}} {
			if value == ablate.Resample && k.Corrupted.IDs != nil {
				rows = []int{0} // its own corruption; of clean prompts the other one
			}
			if value == ablate.TemplateMean && k.Corrupted.IDs == nil {
				if _, err := (ablate.Ablation{Value: value}).Edits(m, k, at); err == nil || !strings.Contains(err.Error(), "their mean keeps it") {
					t.Errorf("error %v", err)
				}
				continue
			}
			edits := must(ablate.Ablation{Value: value}.Edits(m, k, at))(t)
			shows(t, m, clean, edits, 1, 2, 0, 2, meanOf(z, 2, 2, rows...))
		}
	}
	edits := must(ablate.Ablation{Reference: ablate.Corrupted(task.Pairs{Corrupted: corrupted})}.Edits(m, task.Pairs{Clean: clean}, at))(t)
	shows(t, m, clean, edits, 1, 2, 1, 2, meanOf(must(m.Run(corrupted.Capture(hook.Z(1))))(t).At(hook.Z(1)), 2, 2, 0, 1))
}

// Means that are over few reference prompts are said to be, with the templates and
// lengths that have them; others are not.
func TestFewReferencePromptsAreNamed(t *testing.T) {
	m := open(t)
	var rows [][]int32
	var templates []int
	add := func(n, template, length int) {
		for i := range n {
			rows, templates = append(rows, slices.Repeat([]int32{int32(i + 1)}, length)), append(templates, template)
		}
	}
	add(5, 0, 3)
	add(4, 2, 3)
	add(1, 2, 4)
	clean := task.Pairs{Clean: m.Rows([][]int32{{1, 2, 3}, {1, 2, 3}, {1, 2, 3, 4}}), Templates: []int{0, 2, 2}}
	for value, want := range map[ablate.Value]string{
		ablate.TemplateMean: "10 reference prompts for 2 templates (of template 2 at 3 tokens, template 2 at 4 tokens as few as 1: nearer to another prompt than to a mean)",
		ablate.PositionMean: "10 reference prompts (of 4 tokens as few as 1: nearer to another prompt than to a mean)",
		ablate.Mean:         "mean over all tokens, 10 reference prompts",
		ablate.Resample:     "resample, 10 reference prompts",
	} {
		a := ablate.Ablation{Value: value, Reference: ablate.Reference{Prompts: m.Rows(rows), Templates: templates}}
		if got := must(a.Values(m, clean, hook.Z(0)))(t).String(); !strings.HasSuffix(got, want) {
			t.Errorf("%s; want it to end in %q", got, want)
		}
	}
	enough := task.Pairs{Clean: m.Rows([][]int32{{1, 2, 3}}), Templates: []int{0}}
	a := ablate.Ablation{Reference: ablate.Reference{Prompts: m.Rows(rows), Templates: templates}}
	if got := must(a.Values(m, enough, hook.Z(0)))(t).String(); !strings.HasSuffix(got, "10 reference prompts for 1 template") {
		t.Errorf("%s; five are enough", got)
	}
}

// The mean over tokens is over real ones.
func TestMeanIsOverRealTokens(t *testing.T) {
	m := open(t)
	prompts := m.Rows([][]int32{{1, 2, 3, 4, 5}, {9}})
	edits := must(ablate.Ablation{Value: ablate.Mean}.Edits(m, task.Pairs{Clean: prompts}, hook.Z(0).Head(1)))(t)
	z := must(m.Run(prompts.Capture(hook.Z(0))))(t).At(hook.Z(0))
	want := make([]float32, m.Config().DHead)
	for i := range want {
		for _, at := range [][2]int{{0, 0}, {0, 1}, {0, 2}, {0, 3}, {0, 4}, {1, 0}} {
			want[i] += float32(z.At(at[0], at[1], 1, i) / 6)
		}
	}
	shows(t, m, prompts, edits, 0, 1, 0, 3, want)
	shows(t, m, prompts, edits, 0, 1, 1, 0, want)
}

// A resampled row is one of the reference, of the same length and template, not
// the row itself, and drawn from the seed.
func TestResample(t *testing.T) {
	m := open(t)
	rows := [][]int32{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}, {10, 11, 12, 13}, {14, 15, 16, 17}}
	prompts := m.Rows(rows)
	k := task.Pairs{Clean: prompts, Templates: []int{0, 0, 0, 1, 1}}
	at := hook.MLPOut(0)
	plain := must(m.Run(prompts.Capture(at)))(t).At(at)
	drawn := map[int]bool{}
	for seed := range uint64(20) {
		a := ablate.Ablation{Value: ablate.Resample, Seed: seed}
		edits, again := must(a.Edits(m, k, at.At(0)))(t), must(a.Edits(m, k, at.At(0)))(t)
		if !slices.EqualFunc(edits, again, func(x, y hook.Edit) bool { return slices.Equal(x.Values, y.Values) }) {
			t.Error("the same seed must draw the same")
		}
		got := must(m.Run(prompts.Edit(edits...).Capture(at)))(t).At(at)
		for r := range rows {
			from := -1
			for o := range rows {
				if slices.Equal(plain.Select(hook.Batch, o).Select(hook.Pos, 0).Values(), got.Select(hook.Batch, r).Select(hook.Pos, 0).Values()) {
					from = o
				}
			}
			if from < 0 || from == r || len(rows[from]) != len(rows[r]) {
				t.Fatalf("row %d took the values of row %d", r, from)
			}
			if r == 0 {
				drawn[from] = true
			}
		}
	}
	if !drawn[1] || !drawn[2] {
		t.Errorf("twenty seeds draw only %v", drawn)
	}
}

// A sweep that takes from the source has what a run with the edits has, for every
// value, with rows of several lengths and positions that differ by row.
func TestSourceHasWhatTheEditsPut(t *testing.T) {
	m := open(t)
	clean := m.Rows([][]int32{{1, 2, 3, 4}, {5, 6}, {7, 8, 9, 10}, {11, 12}})
	corrupted := m.Rows([][]int32{{21, 2, 23, 4}, {25, 26}, {7, 28, 9, 30}, {31, 32}})
	k := task.Pairs{Clean: clean, Corrupted: corrupted, Templates: []int{0, 1, 0, 1}, Metric: model.LogProbOf(3, 4, 5, 6)}
	points := []hook.Point{
		hook.Z(1).Head(2, 0).AtEach([]int{1, 0, -1, 1}), hook.MLPOut(0).At(-1), hook.MLPPost(1).Coord(3, 5), hook.ResidPre(2).Row(1, 2), hook.HeadResult(2).Head(1),
	}
	for value := ablate.TemplateMean; value <= ablate.Resample; value++ {
		v := must(ablate.Ablation{Value: value}.Values(m, k, points...))(t)
		s := model.Sweep{Base: clean.Metric(k.Metric), Source: must(v.Source())(t)}
		var want []float64
		for _, p := range points {
			s.Variants = append(s.Variants, model.Variant{Edits: []hook.Edit{v.Take(p)}})
			for _, x := range must(m.Run(clean.Edit(must(v.Edits(p))(t)...).Metric(k.Metric)))(t).PerRow(0).Values() {
				want = append(want, float64(x))
			}
		}
		for i, x := range must(m.Sweep(s))(t).PerRow(0).Values() {
			if math.Abs(float64(x)-want[i]) > 2e-5 { // float32 in another order
				t.Errorf("%s, %s, row %d: swept %g, with edits %g", value, points[i/4], i%4, x, want[i])
			}
		}
		if !strings.HasPrefix(v.String(), value.String()) || value != ablate.Zero && !strings.Contains(v.String(), "4 reference prompts") {
			t.Errorf("%s is called %q", value, v)
		}
	}
}

func TestBadAblations(t *testing.T) {
	m := open(t)
	clean := m.Rows([][]int32{{1, 2, 3}, {4, 5}})
	other := ablate.Reference{Prompts: m.Rows([][]int32{{1, 2, 3}}), Templates: []int{5}}
	one := ablate.Reference{Prompts: m.Rows([][]int32{{1, 2, 3}, {4, 5}})}
	for want, c := range map[string]struct {
		a  ablate.Ablation
		k  task.Paired
		at hook.Point
	}{
		"no task":                              {ablate.Ablation{}, nil, hook.Z(0)},
		"no rows":                              {ablate.Ablation{}, task.Pairs{}, hook.Z(0)},
		"ablation: value 9 is not known":       {ablate.Ablation{Value: 9}, task.Pairs{Clean: clean}, hook.Z(0)},
		"no prompt of template 0 has the 3":    {ablate.Ablation{Reference: other}, task.Pairs{Clean: clean}, hook.Z(0)},
		"no prompt of template 0 has the 2":    {ablate.Ablation{Value: ablate.Resample, Reference: ablate.Reference{Prompts: other.Prompts}}, task.Pairs{Clean: clean}, hook.Z(0)},
		"1 templates for 2 prompts":            {ablate.Ablation{Reference: ablate.Reference{Prompts: clean, Templates: []int{1}}}, task.Pairs{Clean: clean}, hook.Z(0)},
		"row 1 has 2 tokens, its corruption 3": {ablate.Ablation{Value: ablate.Resample}, task.Pairs{Clean: clean, Corrupted: m.Rows([][]int32{{1, 2, 3}, {1, 2, 3}})}, hook.Z(0)},
		"mixes rows of attention":              {ablate.Ablation{Value: ablate.Mean}, task.Pairs{Clean: clean}, hook.Pattern(1)},
		"index 4 is outside of axis head":      {ablate.Ablation{Reference: one}, task.Pairs{Clean: clean}, hook.Z(0).Head(4)},
		"the model has layers 0 to 2":          {ablate.Ablation{Reference: one}, task.Pairs{Clean: clean}, hook.Z(7)},
	} {
		if _, err := c.a.Edits(m, c.k, c.at); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; it should say %q", err, want)
		}
	}
}
