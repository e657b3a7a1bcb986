package model_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// sweepTolerance is what the recordings are to be met within: they are float64,
// and a metric is the difference of two logits that float32 knows to 1e-5.
const sweepTolerance = 1e-4

// recordedSweeps are the batches and the grids that TransformerLens recorded.
func recordedSweeps(t *testing.T) (recorded map[string]*array.Array, clean, corrupted model.Request) {
	t.Helper()
	recorded = modeltest.Oracle(t, "sweeps.safetensors")
	metric := model.LogitDiff(choice(recorded["answers"]), choice(recorded["wrongs"]))
	clean = model.Request{Rows: modeltest.Rows(recorded["clean"])}.Metric(metric)
	corrupted = model.Request{Rows: modeltest.Rows(recorded["corrupted"])}.Metric(metric)
	return recorded, clean, corrupted
}

func sweep(t testing.TB, m *model.Model, s model.Sweep) *model.SweepResult {
	t.Helper()
	res, err := m.Sweep(s)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// Clean activations put into the corrupted run, as TransformerLens does it.
func TestPatchingEqualsTransformerLens(t *testing.T) {
	m := open(t)
	recorded, clean, corrupted := recordedSweeps(t)
	c := m.Config()
	const positions = 11
	for name, at := range map[string]func(layer, pos, head int) hook.Point{
		"patch.resid_pre": func(l, pos, _ int) hook.Point { return hook.ResidPre(l).At(pos) },
		"patch.mlp_out":   func(l, pos, _ int) hook.Point { return hook.MLPOut(l).At(pos) },
		"patch.z.all_pos": func(l, _, head int) hook.Point { return hook.Z(l).Head(head) },
		"patch.z.by_pos":  func(l, pos, head int) hook.Point { return hook.Z(l).Head(head).At(pos) },
	} {
		s := model.Sweep{Base: corrupted, Source: clean}
		for l := range c.Layers {
			for pos := range positions {
				for head := range c.Heads {
					if !strings.Contains(name, "z") && head > 0 || name == "patch.z.all_pos" && pos > 0 {
						continue
					}
					s.Variants = append(s.Variants, model.Variant{Edits: []hook.Edit{at(l, pos, head).FromSource()}})
				}
			}
		}
		got := sweep(t, m, s)
		if d := modeltest.MaxDiff(got.Metric(0), recorded[name]); !(d <= sweepTolerance) {
			t.Errorf("%s differs by %.1e", name, d)
		}
		if d := abs(got.Base.Metric() - recorded["corrupted_metric"].Scalar()); d > sweepTolerance {
			t.Errorf("base metric differs by %.1e", d)
		}
		if d := abs(got.Source.Metric() - recorded["clean_metric"].Scalar()); d > sweepTolerance {
			t.Errorf("source metric differs by %.1e", d)
		}
	}
}

// A corrupted head's way to the final residual stream: other heads keep their
// clean z, MLPs are recomputed or keep their output too.
func TestPathPatchingEqualsPeers(t *testing.T) {
	m := open(t)
	recorded, clean, corrupted := recordedSweeps(t)
	c := m.Config()
	for name, frozen := range map[string]bool{"path.resid.mlps_recomputed": false, "path.resid.mlps_frozen": true} {
		s := model.Sweep{Base: clean, Source: corrupted}
		for l := range c.Layers {
			for head := range c.Heads {
				var edits []hook.Edit
				for k := range c.Layers {
					edits = append(edits, hook.Z(k).Freeze())
					if frozen {
						edits = append(edits, hook.MLPOut(k).Freeze())
					}
				}
				s.Variants = append(s.Variants, model.Variant{Edits: append(edits, hook.Z(l).Head(head).FromSource())})
			}
		}
		if d := modeltest.MaxDiff(sweep(t, m, s).Metric(0), recorded[name]); !(d <= sweepTolerance) {
			t.Errorf("%s differs by %.1e", name, d)
		}
	}
}

// Every mistake is found before anything runs.
func TestWrongSweeps(t *testing.T) {
	m := open(t)
	base := m.Rows([][]int32{{1, 2, 3}, {4, 5}}).Metric(model.LogProbOf(1))
	one := func(edits ...hook.Edit) []model.Variant { return []model.Variant{{Name: "one", Edits: edits}} }
	padded := model.Request{Rows: [][]int32{{1, 2, 3}}, Mask: [][]bool{{false, true, true}}}
	for _, c := range []struct {
		name  string
		sweep model.Sweep
		want  []string
	}{
		{"no variants", model.Sweep{Base: base}, []string{"no variants"}},
		{"nothing read", model.Sweep{Base: m.Rows([][]int32{{1}}).Request(), Variants: one()}, []string{"nothing is read"}},
		{"no rows", model.Sweep{Variants: one()}, []string{"no rows"}},
		{"rows of a variant", model.Sweep{Base: base, Variants: []model.Variant{{Rows: []int{2}}}}, []string{"variant 0", "row 2 does not exist"}},
		{"row twice", model.Sweep{Base: base, Variants: []model.Variant{{Rows: []int{1, 1}}}}, []string{"listed twice"}},
		{"selection of no rows", model.Sweep{Base: base, Variants: []model.Variant{{Rows: []int{}}}}, []string{"has no rows"}},
		{"unknown hook", model.Sweep{Base: base, Variants: one(hook.Z(3).Zero())}, []string{"variant 0 (one)", "layers 0 to 2"}},
		{"position past the end", model.Sweep{Base: base, Variants: one(hook.Z(0).At(2).Zero())}, []string{"position 2", "row 1 of 2 tokens"}},
		{"no source", model.Sweep{Base: base, Variants: one(hook.Z(0).FromSource())}, []string{"no source run"}},
		{"source of other rows", model.Sweep{Base: base, Source: m.Rows([][]int32{{1}}).Request(), Variants: one()}, []string{"1 rows, the base 2"}},
		{"source of other lengths", model.Sweep{Base: base, Source: m.Rows([][]int32{{1, 2}, {1, 2}}).Request(), Variants: one()}, []string{"row 0", "2 tokens", "3"}},
		{"donors without a source", model.Sweep{Base: base, Variants: []model.Variant{{Donors: []int{0, 1}}}}, []string{"no source run"}},
		{"few donors", model.Sweep{Base: base, Source: base, Variants: []model.Variant{{Donors: []int{0}}}}, []string{"1 donors for a batch of 2 rows"}},
		{"donor past the end", model.Sweep{Base: base, Source: base, Variants: []model.Variant{{Donors: []int{0, 2}}}}, []string{"donor 2 of row 1", "2 rows"}},
		{"donor of another length", model.Sweep{Base: base, Source: base, Variants: []model.Variant{{Donors: []int{0, 0}}}}, []string{"donor 0 of row 1 has 3 tokens, the row 2"}},
		{"overlap", model.Sweep{Base: base, Variants: one(hook.Z(0).Head(1).Zero(), hook.Z(0).At(-1).Zero())}, []string{"undoes", "same values"}},
		{"freeze after", model.Sweep{Base: base, Variants: one(hook.Z(0).Head(1).Scale(2), hook.Z(0).Freeze())}, []string{"undoes"}},
		{"budget", model.Sweep{Base: base, Variants: one(hook.Z(0).Zero()), Budget: 100}, []string{"one row of one variant needs", "MB"}},
		{"metric on padding", model.Sweep{Base: padded.Metric(model.LogProbOf(1).AtPositions(2)), Variants: one()}, []string{"position 2", "row 0 of 2 tokens"}},
		{"start inside", model.Sweep{Base: base.Stop(1), Variants: one()}, []string{"from the embedding to the end"}},
	} {
		_, err := m.Sweep(c.sweep)
		_, explained := m.Explain(c.sweep)
		for _, err := range []error{err, explained} {
			if err == nil {
				t.Errorf("%s: no error", c.name)
				continue
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %q does not say %q", c.name, err, want)
				}
			}
		}
	}
	if _, err := m.Run(base.Edit(hook.Z(0).Freeze())); err == nil || !strings.Contains(err.Error(), "variants of a sweep") {
		t.Errorf("freeze in a request: %v", err)
	}
}

// Variants and rows that change nothing that is read are not run.
func TestSweepRunsOnlyWhatChanges(t *testing.T) {
	m := open(t)
	rows := [][]int32{{1, 2, 3, 4, 5}, {6, 7, 8, 9, 1}}
	source := [][]int32{{1, 2, 9, 4, 5}, {6, 7, 8, 9, 1}} // row 1 is the same
	s := model.Sweep{Base: m.Rows(rows).Metric(model.LogProbOf(1)), Source: m.Rows(source).Request(), Variants: []model.Variant{
		{Edits: []hook.Edit{hook.ResidPre(1).At(0, 1).FromSource()}}, // before the tokens differ
		{Edits: []hook.Edit{hook.Z(1).FromSource()}},
		{Edits: []hook.Edit{hook.MLPOut(2).At(3).FromSource()}}, // not where the metric is read, in the last block
		{Edits: []hook.Edit{hook.Z(0).Freeze(), hook.Q(1).Scale(1)}},
	}}
	plan, err := m.Explain(s)
	if err != nil {
		t.Fatal(err)
	}
	if plan.Rows != 1 || plan.Same != 7 || len(plan.Groups) != 1 || plan.Groups[0].Start != "z" || plan.Groups[0].Position != 2 {
		t.Errorf("the plan is\n%s\nwant one row, from z at position 2", plan)
	}
	got := sweep(t, m, s)
	for v := range s.Variants {
		for r := range rows {
			if same := got.PerRow(0).At(v, r) == got.Base.PerRow(0).At(r); same != (v != 1 || r == 1) {
				t.Errorf("variant %d, row %d: equal to the base run: %t", v, r, same)
			}
		}
	}
	if !strings.Contains(plan.String(), "7 left as they are") {
		t.Errorf("the plan reads\n%s", plan)
	}
}

// Cut to any budget, a sweep gives the same.
func TestSweepBudgetsDoNotShow(t *testing.T) {
	m := open(t)
	_, clean, corrupted := recordedSweeps(t)
	s := model.Sweep{Base: corrupted, Source: clean}
	for l := range m.Config().Layers {
		s.Variants = append(s.Variants, model.Variant{Edits: []hook.Edit{hook.ResidPre(l).At(3).FromSource()}})
	}
	chunks := func(p model.Plan) (n int) {
		for _, g := range p.Groups {
			n += g.Chunks
		}
		return n
	}
	for _, processors := range []int{2, runtime.GOMAXPROCS(0)} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
		s.Budget = 0
		want := sweep(t, m, s)
		s.Budget = want.Plan.Memory
		for got := want; chunks(got.Plan) <= chunks(want.Plan); { // first the base run is cut, then the groups
			s.Budget = s.Budget * 98 / 100
			var err error
			if got, err = m.Sweep(s); err != nil && processors > 2 && strings.Contains(err.Error(), "the budget is") {
				break // so many share the groups that they take less than the base run
			} else if err != nil {
				t.Fatal(err)
			}
			if got.Plan.Memory > s.Budget {
				t.Fatalf("the plan does not keep to a budget of %d:\n%s", s.Budget, got.Plan)
			}
			if d := modeltest.MaxDiff(got.PerRow(0), want.PerRow(0)); !(d <= near) {
				t.Errorf("%d processors: with a budget of %d metrics differ by %g", processors, s.Budget, d)
			}
		}
	}
}

// The NLL reads every position; those before an edit are the base run's.
func TestSweepUnembedsWhatChanges(t *testing.T) {
	m := open(t)
	c := m.Config()
	row := []int32{1, 2, 3, 4, 5, 6, 7, 8}
	for p := range row {
		plan, err := m.Explain(model.Sweep{
			Base:     model.Request{Rows: [][]int32{row}}.Metric(model.NLL()),
			Variants: []model.Variant{{Edits: []hook.Edit{hook.ResidPost(c.Layers - 1).At(p).Scale(2)}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		want := int64(0)
		if p < len(row)-1 { // what the last predicts is not read
			want = 2 * int64(c.DModel) * int64(c.Vocab)
		}
		if plan.FLOPs != want {
			t.Errorf("an edit at %d costs %d operations, not %d", p, plan.FLOPs, want)
		}
	}
}

// A sweep looks at its context before every block of every chunk, and runs none
// after it has ended: a block of one chunk is all that a user waits for.
func TestSweepCancels(t *testing.T) {
	m := open(t)
	s := model.Sweep{Base: m.Rows([][]int32{{1, 2, 3, 4}, {9, 8, 7}}).Metric(model.NLL())}
	for i := range 12 {
		s.Variants = append(s.Variants, model.Variant{Edits: []hook.Edit{hook.Z(0).Head(i % m.Config().Heads).Scale(float32(i))}})
	}
	s.Budget = sweep(t, m, s).Plan.Memory * 3 / 4
	ends := func(after int64) (*endsAfter, error) {
		ctx := &endsAfter{Context: context.Background(), looks: after}
		_, err := open(t).SweepContext(ctx, s)
		return ctx, err
	}
	whole, err := ends(math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	chunks := 1 // of the base run
	for _, g := range sweep(t, m, s).Plan.Groups {
		chunks += g.Chunks
	}
	if want := int64(chunks * m.Config().Layers); chunks < 3 || whole.looked.Load() < want {
		t.Errorf("it looked at its context %d times in %d chunks; their blocks are %d", whole.looked.Load(), chunks, want)
	}
	for after := range whole.looked.Load() {
		ctx, err := ends(after)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled after %d blocks: got %v", after, err)
		}
		// every processor's chunk ends, and the runner finds why
		if more := ctx.looked.Load() - after; more > int64(runtime.GOMAXPROCS(0))+1 {
			t.Errorf("cancelled after %d blocks it looked for %d more", after, more)
		}
	}
}

// endsAfter is a context that has ended when it was looked at so many times.
type endsAfter struct {
	context.Context
	looks  int64
	looked atomic.Int64
}

func (c *endsAfter) Err() error {
	if c.looked.Add(1) > c.looks {
		return context.Canceled
	}
	return nil
}

// A cancelled sweep that is asked for again runs only what is left, and gives
// what one run gives.
func TestSweepGoesOn(t *testing.T) {
	m := open(t)
	s := model.Sweep{Base: model.Request{Rows: [][]int32{{1, 2, 3, 4}, {9, 8, 7}}}.Metric(model.NLL()), Captures: []hook.Point{hook.ResidPost(1)}}
	for l := range 2 {
		for h := range m.Config().Heads {
			for pos := range 3 { // groups of their own
				s.Variants = append(s.Variants, model.Variant{Edits: []hook.Edit{hook.Z(l).Head(h).At(pos).Scale(0.5)}})
			}
		}
	}
	want := sweep(t, open(t), s)
	finished := 0
	for try := 0; ; try++ {
		if try > 100 {
			t.Fatal("it never comes to an end")
		}
		ctx, cancel := context.WithCancel(context.Background())
		first, last := -1, 0
		ctx = model.WithProgress(ctx, func(done, total int) {
			if last = done; first < 0 {
				first = done
			}
			if done > finished+2 { // something new
				cancel()
			}
		})
		got, err := m.SweepContext(ctx, s)
		cancel()
		if err == nil {
			if try < 2 {
				t.Errorf("it was cancelled %d times; want that it was cut more than once", try)
			}
			for _, pair := range [][2]*array.Array{{got.PerRow(0), want.PerRow(0)}, {got.Captures[0].Array, want.Captures[0].Array}} {
				if d := modeltest.MaxDiff(pair[0], pair[1]); d != 0 {
					t.Errorf("it differs by %g from an uninterrupted run", d)
				}
			}
			return
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if last < finished {
			t.Errorf("try %d came to %d rows, the one before to %d", try, last, finished)
		}
		finished = last
	}
}

// What a variant does to the embedding is seen there too, also if nothing else is
// read of it.
func TestSweepReadsTheEmbedding(t *testing.T) {
	m := open(t)
	ones := array.New(array.Dim("d_model", m.Config().DModel))
	for i := range ones.Values() {
		ones.Values()[i] = float32(i)
	}
	for name, s := range map[string]model.Sweep{
		"captured": {Captures: []hook.Point{hook.Embed(), hook.PosEmbed().At(-1)}},
		"measured": {Base: model.Request{}.Metric(model.Linear(hook.Embed().At(1), ones))},
		"both":     {Base: model.Request{}.Metric(model.LogProbOf(3)), Captures: []hook.Point{hook.Embed().At(1)}},
	} {
		s.Base.Rows = [][]int32{{1, 2, 3}, {4, 5}}
		s.Variants = []model.Variant{{Edits: []hook.Edit{hook.Embed().At(1).Zero()}}, {Edits: []hook.Edit{hook.PosEmbed().At(-1).Scale(2)}, Rows: []int{1}}}
		got := sweep(t, m, s)
		want, err := modeltest.NaiveSweep(m, s)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want.Metrics {
			if d := modeltest.MaxDiff(got.Metrics[i], want.Metrics[i]); d > near {
				t.Errorf("%s: metric differs by %g", name, d)
			}
		}
		for i, c := range want.Captures {
			if d := modeltest.MaxDiff(got.Captures[i].Array, c.Array); d > near {
				t.Errorf("%s: %s differs by %g", name, c.Point, d)
			}
		}
	}
}
