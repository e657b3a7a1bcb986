package modeltest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/sample"
)

// GenerationTolerance is far above float32's rounding over three layers, which
// is 1e-5 of activations around 10 at most, and far below what a wrong key, mask
// or angle makes, 1e-2 and more.
const GenerationTolerance = 2e-4

// SameAsNaive does a generation and holds it to the naive one: tokens, ends, log
// probabilities and captures.
func SameAsNaive(t testing.TB, m *model.Model, g model.Generation) *model.Generated {
	t.Helper()
	got, err := m.Complete(g)
	if err != nil {
		t.Fatal(err)
	}
	want, err := NaiveGenerate(m, g)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got.Prompts.IDs, got.Ended, got.Begin) != fmt.Sprint(want.Prompts.IDs, want.Ended, want.Begin) {
		t.Fatalf("tokens are %v %v, naively %v %v", got.Prompts.IDs, got.Ended, want.Prompts.IDs, want.Ended)
	}
	for r, row := range want.LogProbs {
		for i, v := range row {
			if d := math.Abs(v - got.LogProbs[r][i]); !(d < GenerationTolerance) {
				t.Errorf("row %d token %d: log-probability %g, naively %g", r, i, got.LogProbs[r][i], v)
			}
		}
	}
	for i, c := range want.Captures {
		a, b := c.Array, got.Captures[i].Array
		if !slices.Equal(a.Shape(), b.Shape()) || b.Err() != nil {
			t.Errorf("%s has shape %v, naively %v (%v)", c.Point, b.Shape(), a.Shape(), b.Err())
		} else if d := MaxDiff(a, b); !(d < GenerationTolerance) {
			t.Errorf("%s differs by %g", c.Point, d)
		}
	}
	return got
}

// NaiveGenerate does a generation as its definition reads, with one full run of
// the row so far for every token and nothing kept between them: the twin that
// the cached generation is held to. Each step's run has the edits at all the
// positions at which they were made until then.
//
// It knows no edits that let a query see what comes after it, such as a pattern
// that is replaced over all keys: in a full run the query sees also what was not
// there when it was computed.
func NaiveGenerate(m *model.Model, g model.Generation) (*model.Generated, error) {
	out := &model.Generated{}
	rule := sample.Rule{Temperature: g.Temperature, TopK: g.TopK, TopP: g.TopP}
	chances := sample.Rows(g.Seed, g.Rows)
	runs := make([][]*model.Result, len(g.Rows)) // of each row, one per step
	for i, prompt := range g.Rows {
		row := slices.Clone(prompt)
		made := make([][]place, len(g.Edits))
		var logProbs []float64
		ended := model.EndLength
		for step := 0; step < g.New && ended == model.EndLength; step++ {
			r := model.Request{Rows: [][]int32{row}}
			first := len(row) - 1 // position that is new
			if step == 0 {
				first = 0
			}
			for k, e := range g.Edits {
				made[k] = append(made[k], places(e.Point, i, first, len(row))...)
				r.Edits = append(r.Edits, at(e, i, made[k], len(row))...)
			}
			for _, p := range g.Captures {
				if p.Whole().Find(r.Captures) < 0 {
					r.Captures = append(r.Captures, p.Whole())
				}
			}
			last := hook.Logits().At(-1)
			run, err := m.Run(r.Capture(last))
			if err != nil {
				return nil, err
			}
			token, logProb, err := rule.Choose(run.At(last).Values(), chances[i])
			if err != nil {
				return nil, err
			}
			runs[i] = append(runs[i], run)
			row, logProbs = append(row, token), append(logProbs, logProb)
			if slices.Contains(g.Stop, token) {
				ended = model.EndStop
			}
		}
		out.Prompts.IDs, out.LogProbs = append(out.Prompts.IDs, row), append(out.LogProbs, logProbs)
		out.Ended, out.Begin = append(out.Ended, ended), append(out.Begin, len(prompt))
	}
	for _, p := range g.Captures {
		out.Captures = append(out.Captures, model.Captured{Point: p, Array: stackSteps(p, out, runs)})
	}
	return out, nil
}

// place is a position at which an edit is made, and its index in the edit's list
// of positions.
type place struct {
	index, pos int
	more       []int // further positions, where the values are those of all
}

// together makes one of places with different positions.
func together(made []place) (few []place) {
	for _, p := range made {
		if n := len(few) - 1; n >= 0 && few[n].pos != p.pos && !slices.Contains(few[n].more, p.pos) {
			few[n].more = append(few[n].more, p.pos)
		} else {
			few = append(few, p)
		}
	}
	return few
}

// places are those of a row of n tokens from position first on.
func places(p hook.Point, row, first, n int) (all []place) {
	if p.Batch != nil && !slices.Contains(p.Batch, row) {
		return nil
	}
	list := p.Pos.In(row)
	if p.Pos.All() {
		for pos := first; pos < n; pos++ {
			all = append(all, place{index: pos, pos: pos})
		}
		return all
	}
	for i, pos := range list {
		if pos < 0 {
			pos += n
		}
		if pos >= first && pos < n {
			all = append(all, place{index: i, pos: pos})
		}
	}
	return all
}

// at is an edit of a batch as edits of one of its rows, of n tokens so far, at
// some places.
func at(e hook.Edit, row int, made []place, n int) (edits []hook.Edit) {
	axes := len(e.Kind.Axes())
	values := func(one hook.Edit, axis, index int) hook.Edit { // its values at an index of an axis
		k := len(one.Shape) - axes + axis
		if k < 0 || one.Shape[k] == 1 || one.Op == hook.OpProject {
			return one
		}
		dims := make([]array.Axis, len(one.Shape))
		for i, d := range one.Shape {
			dims[i] = array.Dim(string(rune('a'+i)), d)
		}
		a := array.Of(one.Values, dims...).Select(dims[k].Name, index)
		one.Shape, one.Values = a.Shape(), a.Values()
		return one
	}
	rank := row
	if e.Batch != nil {
		rank = slices.Index(e.Batch, row)
	}
	if k := len(e.Shape) - axes + e.Kind.PositionAxis(); k < 0 || e.Shape[k] == 1 || e.Op == hook.OpProject {
		made = together(made)
	}
	for _, p := range made {
		one := values(values(e, 0, rank), e.Kind.PositionAxis(), p.index)
		one.Batch, one.Pos = nil, hook.Positions{Rows: [][]int{append([]int{p.pos}, p.more...)}}
		if axis := e.Kind.Axes()[axes-1]; axis == hook.Key && e.Coords != nil {
			one.Coords = nil
			for _, key := range e.Coords {
				if key < n {
					one.Coords = append(one.Coords, key)
				}
			}
			if one.Coords == nil {
				continue
			}
		}
		edits = append(edits, one)
	}
	return edits
}

// stackSteps puts together what was captured at a point: each position by the
// step that was the first to have it.
func stackSteps(p hook.Point, g *model.Generated, runs [][]*model.Result) *array.Array {
	each := len(p.Pos.Rows) == 1 && slices.Equal(p.Pos.Rows[0], []int{-1})
	axes := slices.Clone(runs[0][0].At(p.Whole()).Axes())
	ran, steps := 0, 0
	for i := range runs {
		ran, steps = max(ran, g.Begin[i]+len(runs[i])-1), max(steps, len(runs[i]))
	}
	posAxis, last := p.Kind.PositionAxis(), len(axes)-1
	axes[0].Len = len(runs)
	axes[posAxis].Len = ran
	if axes[last].Name == hook.Key {
		axes[last].Len = ran
	}
	if each {
		axes[posAxis].Len = steps
	}
	for i := range axes {
		axes[i].Labels = nil
	}
	a := array.New(axes...)
	for i := range a.Values() {
		a.Values()[i] = float32(math.NaN())
	}
	index := make([]int, len(axes))
	for row := range runs {
		n := g.Begin[row] + len(runs[row]) - 1
		for step, run := range runs[row] {
			from := run.At(p.Whole())
			for pos := range g.Begin[row] + step {
				fresh := step == 0 || pos == g.Begin[row]+step-1
				if each {
					fresh = pos == g.Begin[row]+step-1
				}
				if !fresh {
					continue
				}
				rest := 1
				for i, ax := range axes {
					if i != 0 && i != posAxis {
						rest *= ax.Len
					}
				}
				for k := range rest {
					for i := last; i > 0; i-- {
						if i != posAxis {
							index[i], k = k%axes[i].Len, k/axes[i].Len
						}
					}
					v := math.NaN()
					switch key := index[last]; {
					case axes[last].Name == hook.Key && key >= n:
					case axes[last].Name == hook.Key && key >= from.Shape()[last]: // not there yet
						v = 0
						if p.Kind == hook.KindScores {
							v = math.Inf(-1)
						}
					default:
						index[0], index[posAxis] = 0, pos
						v = from.At(index...)
					}
					index[0], index[posAxis] = row, pos
					if each {
						index[posAxis] = step
					}
					a.Set(v, index...)
				}
			}
		}
	}
	if p.Batch != nil {
		a = a.Select(hook.Batch, p.Batch...)
	}
	if axis := p.Kind.HeadAxis(); axis >= 0 && p.Heads != nil {
		a = a.Select(hook.Head, p.Heads...)
	}
	if p.Coords != nil {
		a = a.Select(axes[last].Name, p.Coords...)
	}
	if !each && !p.Pos.All() {
		a = a.Select(axes[posAxis].Name, p.Pos.Rows[0]...)
	}
	return a
}
