package model_test

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// labelled are rows whose label says whether their last token is an odd one: the first
// eight are of one class, then each follows one of the other.
func labelled(m *model.Model, n, length int) []model.TallyRow {
	rows := make([]model.TallyRow, n)
	for i, row := range someRows(rand.New(rand.NewPCG(8, 8)), m, n, length) {
		label := i % 2
		if i < 8 {
			label = 0
		}
		row[length-1] = row[length-1]%4*2 + int32(label) // eight tokens, which a line can tell apart
		rows[i] = model.TallyRow{Tokens: row, Label: label}
	}
	return rows
}

// probe is a linear probe of the label at the last position, by least squares: its loss is
// that of one class in the rows of that class.
func probe(m *model.Model, steps int) (model.Fit, func(model.Fit, []model.TallyRow) (model.Fit, error)) {
	at := hook.ResidPost(0).At(-1)
	logit := formula.Here().Dot(formula.Free("w", m.Config().DModel, 1)).Add(formula.Free("b", 1))
	f := model.Fit{
		Find: []model.Find{{Name: "w", Scale: .1}, {Name: "b"}}, Loss: []model.Loss{{Value: at.Label("even")}, {Value: at.Label("odd")}},
		Optimizer: model.Optimizer{Rate: .05, Schedule: "linear"}, Steps: steps, Batch: 8, Seed: 4,
	}
	return f, func(part model.Fit, rows []model.TallyRow) (model.Fit, error) {
		var of [2][]int
		for i, row := range rows {
			part.Base.Rows = append(part.Base.Rows, row.Tokens)
			of[row.Label] = append(of[row.Label], i)
		}
		part.Base = part.Base.Edit(
			at.Row(of[0]...).Watch("even", logit.Add(formula.Number(1)).Mul(logit.Add(formula.Number(1)))),
			at.Row(of[1]...).Watch("odd", logit.Sub(formula.Number(1)).Mul(logit.Sub(formula.Number(1)))))
		return part, nil
	}
}

// A stream gives what its rows give at once, to the last bit: in parts, and cut off and
// gone on with at any row.
func TestFitOver(t *testing.T) {
	m := open(t)
	for name, make := range map[string]func() (model.Fit, func(model.Fit, []model.TallyRow) (model.Fit, error)){
		"probe": func() (model.Fit, func(model.Fit, []model.TallyRow) (model.Fit, error)) { return probe(m, 10) },
		"rows alone, noise and a rotation": func() (model.Fit, func(model.Fit, []model.TallyRow) (model.Fit, error)) {
			f := small(m)
			f.Base.Rows, f.Source, f.Base.Metrics = nil, model.Request{}, []model.Metric{model.LogProbOf(3)}
			R, mask := formula.Free("R", m.Config().DModel, 4), formula.HardConcrete(formula.Free("alpha", 4), formula.Free("u", 4)).Div(formula.Free("T", 1))
			f.Base.Edits = []hook.Edit{hook.ResidPost(0).At(-1, 1).Compute(formula.Here().Dot(R).Mul(mask).Dot(R.Transpose()))}
			f.Change[0].To, f.Optimizer.Schedule, f.Steps = 1, "cosine", 10
			return f, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, of := make()
			rows := labelled(m, 10*f.Batch+3, 6)
			over := func(f model.Fit, rows iter.Seq2[model.TallyRow, error]) (*model.Fitted, error) {
				return m.FitOver(t.Context(), f, rows, of)
			}
			whole, err := over(f, each(rows))
			if err != nil {
				t.Fatal(err)
			}
			memory := f
			memory.Window = [2]int{0, 10}
			if of != nil {
				memory, _ = of(memory, rows[:10*f.Batch])
			} else {
				for _, row := range rows[:10*f.Batch] {
					memory.Base.Rows = append(memory.Base.Rows, row.Tokens)
				}
			}
			at, err := m.Fit(memory)
			if err != nil {
				t.Fatal(err)
			}
			if !sameFit(whole, at) {
				t.Errorf("in memory it is %v, as a stream %v", at, whole)
			}
			// A stream that breaks off gives what it has, and goes on with the rows that follow.
			broken := errors.New("the disk is gone")
			cut := 4*f.Batch + 2
			part, err := over(f, func(yield func(model.TallyRow, error) bool) {
				for _, row := range rows[:cut] {
					if !yield(row, nil) {
						return
					}
				}
				yield(model.TallyRow{}, broken)
			})
			if !errors.Is(err, broken) || part == nil || len(part.Curve) != 4 || !part.Stopped {
				t.Fatalf("cut off: %v, %v", part, err)
			}
			rest := f
			rest.From = part
			if again, err := over(rest, each(rows[4*f.Batch:])); err != nil || !sameFit(whole, again) {
				t.Errorf("gone on with: %v, %v; want %v", again, err, whole)
			}
			// So does one that is cancelled.
			ctx, cancel := context.WithCancel(t.Context())
			part, err = m.FitOver(model.WithProgress(ctx, func(done, total int) {
				if done == 7 {
					cancel()
				}
			}), f, each(rows), of)
			if !errors.Is(err, context.Canceled) || part == nil || len(part.Curve) != 7 {
				t.Fatalf("cancelled: %v, %v", part, err)
			}
			rest.From = part
			if again, err := over(rest, each(rows[7*f.Batch:])); err != nil || !sameFit(whole, again) {
				t.Errorf("gone on with after it was cancelled: %v, %v", again, err)
			}
			short, err := over(f, each(rows[:3*f.Batch]))
			if err == nil || !strings.Contains(err.Error(), "the stream ended after step 3 of 10") || len(short.Curve) != 3 {
				t.Errorf("too few rows: %v, %v", short, err)
			}
		})
	}
}

// Of a stream of more rows than one part holds a probe reads what it was trained to, and
// the parts give what one gives.
func TestFitOverParts(t *testing.T) {
	m := open(t)
	f, of := probe(m, 160)
	rows, parts := labelled(m, 160*8, 16), 0
	got, err := m.FitOver(t.Context(), f, each(rows), func(part model.Fit, rows []model.TallyRow) (model.Fit, error) {
		parts++
		return of(part, rows)
	})
	if err != nil || parts < 2 {
		t.Fatalf("%d parts, %v", parts, err)
	}
	f.Window = [2]int{0, 160}
	f, _ = of(f, rows)
	if at, err := m.Fit(f); err != nil || !sameFit(got, at) {
		t.Errorf("at once it is %v, %v; in %d parts %v", at, err, parts, got)
	}
	var ends [2]float64 // the mean loss of the first and of the last steps
	for i := range 20 {
		ends[0], ends[1] = ends[0]+got.Curve[1+i].Loss/20, ends[1]+got.Curve[140+i].Loss/20
	}
	t.Logf("the loss falls from %.3f to %.3f", ends[0], ends[1])
	if ends[1] > .7*ends[0] {
		t.Errorf("the loss is %g, it was %g", ends[1], ends[0])
	}
}

// What does not fit is said, with the step.
func TestFaultyStreams(t *testing.T) {
	m := open(t)
	rows := each(labelled(m, 20, 4))
	for want, change := range map[string]func(f *model.Fit){
		"a stream needs a batch":             func(f *model.Fit) { f.Batch = 0 },
		"drawn 3 together":                   func(f *model.Fit) { f.Together = 3 },
		"a window from step 2 on goes on":    func(f *model.Fit) { f.Steps, f.Window, f.Base.Rows = 3, [2]int{2, 3}, make([][]int32, 8) },
		"8 rows for the steps 0 to 2":        func(f *model.Fit) { f.Window, f.Base.Rows = [2]int{0, 2}, make([][]int32, 8) },
		"a window of steps 3 to 2, of 2":     func(f *model.Fit) { f.Window, f.Base.Rows = [2]int{3, 2}, make([][]int32, 8) },
		"the stream ended after step 2 of 9": func(f *model.Fit) { f.Steps = 9 },
	} {
		f, of := probe(m, 2)
		change(&f)
		var err error
		if f.Window != [2]int{} {
			for i := range f.Base.Rows {
				f.Base.Rows[i] = []int32{1}
			}
			f, _ = of(f, nil)
			_, err = m.Fit(f)
		} else {
			_, err = m.FitOver(t.Context(), f, rows, of)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
