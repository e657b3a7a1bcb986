package model_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// someRows are rows of random tokens.
func someRows(rng *rand.Rand, m *model.Model, n, length int) [][]int32 {
	rows := make([][]int32, n)
	for i := range rows {
		for range length {
			rows[i] = append(rows[i], rng.Int32N(int32(m.Config().Vocab)))
		}
	}
	return rows
}

// squared is the squared distance of two values.
func squared(a, b formula.Expr) formula.Expr { return a.Sub(b).Mul(a.Sub(b)).Sum() }

// A fit finds the linear map that made its targets, and a rotation.
func TestFitFindsWhatWasPlanted(t *testing.T) {
	m := open(t)
	d := m.Config().DModel
	rng := rand.New(rand.NewPCG(3, 3))
	rows := model.Request{Rows: someRows(rng, m, 32, 8)}
	at := hook.ResidPost(1)
	x := whitened(t, m, rows, at) // alike in all directions, so that few steps suffice

	t.Run("linear map", func(t *testing.T) {
		W := tensorOf(rng, d, 5)
		watch := at.Watch("error", squared(x.Dot(formula.Free("found", d, 5)), x.Dot(formula.Tensor("planted", W))))
		got, err := m.Fit(model.Fit{
			Base: rows.Edit(watch), Find: []model.Find{{Name: "found"}}, Loss: []model.Loss{{Value: at.Label("error")}},
			Optimizer: model.Optimizer{Rate: .2, Schedule: "cosine"}, Steps: 250,
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := modeltest.MaxDiff(got.Tensor("found"), W); !(diff < 1e-4) {
			t.Errorf("off by %g: %v", diff, got)
		}
	})
	t.Run("rotation", func(t *testing.T) {
		for name, k := range map[string]int{"square": d, "some columns": 3} {
			if k == d && os.Getenv("GOLENS_SLOW") == "" {
				continue // takes a minute, and differs in the number of columns
			}
			R := rotation(t, rng, d, k)
			watch := at.Watch("error", squared(x.Dot(formula.Free("found", d, k)), x.Dot(formula.Tensor("planted", R))))
			got, err := m.Fit(model.Fit{
				Base: rows.Edit(watch), Find: []model.Find{{Name: "found", Orthogonal: true}}, Loss: []model.Loss{{Value: at.Label("error")}},
				Optimizer: model.Optimizer{Rate: .05, Schedule: "cosine"}, Steps: 250, Seed: 5,
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := modeltest.MaxDiff(got.Tensor("found"), R); !(diff < 1e-3) {
				t.Errorf("%s: off by %g: %v", name, diff, got)
			}
		}
	})
}

// rotation is a random matrix with orthonormal columns, of determinant 1 if square.
func rotation(t *testing.T, rng *rand.Rand, n, k int) *array.Array {
	t.Helper()
	a := tensorOf(rng, n, k)
	x := a.Values()
	for j := range k { // Gram-Schmidt, twice for good measure
		for range 2 {
			for i := range j {
				dot := float32(0)
				for r := range n {
					dot += x[r*k+i] * x[r*k+j]
				}
				for r := range n {
					x[r*k+j] -= dot * x[r*k+i]
				}
			}
			norm := float32(0)
			for r := range n {
				norm += x[r*k+j] * x[r*k+j]
			}
			for r := range n {
				x[r*k+j] /= float32(math.Sqrt(float64(norm)))
			}
		}
	}
	if m := mat.NewDense(n, k, nil); n == k {
		for i, v := range x {
			m.RawMatrix().Data[i] = float64(v)
		}
		for r := range n {
			x[r*k+k-1] *= float32(math.Copysign(1, mat.Det(m)))
		}
	}
	return a
}

// whitened is the activation without its mean and with the identity for its
// covariance over the rows.
func whitened(t *testing.T, m *model.Model, rows model.Request, at hook.Point) formula.Expr {
	t.Helper()
	a := run(t, m, rows.Capture(at)).At(at)
	d := a.Shape()[2]
	data := mat.NewDense(len(a.Values())/d, d, nil)
	for i, v := range a.Values() {
		data.RawMatrix().Data[i] = float64(v)
	}
	var covariance mat.SymDense
	stat.CovarianceMatrix(&covariance, data, nil)
	var eigen mat.EigenSym
	if !eigen.Factorize(&covariance, true) {
		t.Fatal("no eigenvectors")
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	mean, M := array.New(array.Dim("a", d)), array.New(array.Dim("a", d), array.Dim("b", d))
	for i := range d {
		mean.Values()[i] = float32(stat.Mean(mat.Col(nil, i, data), nil))
		for j, variance := range eigen.Values(nil) {
			M.Values()[i*d+j] = float32(vectors.At(i, j) / math.Sqrt(variance))
		}
	}
	return formula.Here().Sub(formula.Tensor("mean", mean)).Dot(formula.Tensor("whiten", M))
}

// A mask of hard-concrete gates finds the coordinates that matter, under a penalty on
// how many are open.
func TestFitFindsMask(t *testing.T) {
	m := open(t)
	d := m.Config().DModel
	rng := rand.New(rand.NewPCG(4, 4))
	rows := model.Request{Rows: someRows(rng, m, 16, 6)}
	at := hook.ResidPost(1)
	planted := array.New(array.Dim("a", d))
	for i := range d {
		if i%3 == 0 {
			planted.Values()[i] = 1
		}
	}
	x := whitened(t, m, rows, at)
	alpha, u := formula.Free("alpha", d), formula.Free("u", d)
	watch := at.Watch("error", squared(x.Mul(formula.HardConcrete(alpha, u)), x.Mul(formula.Tensor("planted", planted))))
	got, err := m.Fit(model.Fit{
		Base: rows.Edit(watch), Find: []model.Find{{Name: "alpha"}}, Noise: []model.Noise{{Name: "u"}}, Seed: 2,
		Loss:      []model.Loss{{Value: at.Label("error")}, {Penalty: formula.HardConcreteOpen(alpha), Weight: .02}},
		Optimizer: model.Optimizer{Rate: .1}, Steps: 150,
	})
	if err != nil {
		t.Fatal(err)
	}
	gates := formula.HardConcreteMean(formula.Tensor("alpha", got.Tensor("alpha")))
	v, _ := modeltest.Evaluate(gates, nil)
	for i, gate := range v.X {
		if (gate > .5) != (planted.Values()[i] == 1) {
			t.Errorf("gate %d is %.2f, planted is %g", i, gate, planted.Values()[i])
		}
	}
}

// small is a fit of all that one may hold: rotated and free tensors, batches, noise,
// a temperature, a source, a penalty, momentum.
func small(m *model.Model) model.Fit {
	rng := rand.New(rand.NewPCG(6, 6))
	d := m.Config().DModel
	x, s := formula.Here(), formula.Source()
	R, mask := formula.Free("R", d, 4), formula.HardConcrete(formula.Free("alpha", 4), formula.Free("u", 4)).Div(formula.Free("T", 1))
	swap := x.Add(s.Sub(x).Dot(R).Mul(mask).Dot(R.Transpose()))
	return model.Fit{
		Base:   model.Request{Rows: someRows(rng, m, 6, 5)}.Edit(hook.ResidPost(0).At(-1, 1).Compute(swap)).Metric(model.LogProbOf(1, 2, 3, 4, 5, 6)),
		Source: model.Request{Rows: someRows(rng, m, 6, 5)},
		Find:   []model.Find{{Name: "R", Orthogonal: true}, {Name: "alpha", Scale: 1, Rate: 2}},
		Noise:  []model.Noise{{Name: "u"}}, Change: []model.Change{{Name: "T", From: 2, To: 2}},
		Loss:      []model.Loss{{Weight: -1}, {Penalty: formula.HardConcreteOpen(formula.Free("alpha", 4)), Weight: .1}},
		Optimizer: model.Optimizer{Rate: .01}, Clip: 1, Steps: 7, Batch: 4, Seed: 3,
	}
}

func sameFit(a, b *model.Fitted) bool {
	for i := range a.Tensors {
		if !slices.Equal(a.Tensors[i].Array.Values(), b.Tensors[i].Array.Values()) {
			return false
		}
	}
	for i := range a.Curve {
		if a.Curve[i].Loss != b.Curve[i].Loss || a.Curve[i].Norm != b.Curve[i].Norm {
			return false
		}
	}
	return len(a.Curve) == len(b.Curve)
}

// The same seed gives the same fit to the last bit, whether it is run at once, goes
// on from an earlier one, or was cancelled on the way; another seed gives another.
func TestFitRepeats(t *testing.T) {
	m := open(t)
	f := small(m)
	fit := func(f model.Fit) *model.Fitted {
		t.Helper()
		got, err := m.Fit(f)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	whole := fit(f)
	if again := fit(f); !sameFit(whole, again) {
		t.Error("the same fit twice gives two results")
	}
	other := f
	other.Seed++
	if sameFit(whole, fit(other)) {
		t.Error("another seed gives the same")
	}
	half := f
	half.Steps = 3
	rest := f
	rest.From = fit(half)
	if !sameFit(whole, fit(rest)) {
		t.Error("a fit that goes on from another differs from one at once")
	}
	none := f
	none.Cache = 1                                                                      // byte: all is computed again
	if d := modeltest.MaxDiff(fit(none).Tensor("R"), whole.Tensor("R")); !(d <= near) { // sums of other batches
		t.Errorf("without a cache the fit differs by %g", d)
	}

	ctx, cancel := context.WithCancel(context.Background())
	ctx = model.WithProgress(ctx, func(done, total int) {
		if done == 4 {
			cancel()
		}
	})
	part, err := m.FitContext(ctx, f)
	if !errors.Is(err, context.Canceled) || part == nil || !part.Stopped || len(part.Curve) != 4 {
		t.Fatalf("cancelled after four steps: %v, %v", part, err)
	}
	f.Base.Rows = slices.Clone(f.Base.Rows)
	begun := 0
	ctx = model.WithProgress(context.Background(), func(done, total int) { begun++ })
	if got, err := m.FitContext(ctx, f); err != nil || !sameFit(whole, got) {
		t.Errorf("a cancelled fit that is asked for again: %v, %v", got, err)
	}
	if begun != 3 {
		t.Errorf("it took %d steps more; three were left", begun)
	}
}

func TestFaultyFits(t *testing.T) {
	m := open(t)
	d := m.Config().DModel
	for want, change := range map[string]func(f *model.Fit){
		"it has no steps":                func(f *model.Fit) { f.Steps = 0 },
		"a batch of 7 of 6 rows":         func(f *model.Fit) { f.Batch = 7 },
		`optimizer "lion"`:               func(f *model.Fit) { f.Optimizer.Kind = "lion" },
		`schedule "step"`:                func(f *model.Fit) { f.Optimizer.Schedule = "step" },
		"momentum is of SGD":             func(f *model.Fit) { f.Optimizer.Momentum = .9 },
		"none may be negative":           func(f *model.Fit) { f.Optimizer.Rate = -1 },
		`no formula has a free tensor`:   func(f *model.Fit) { f.Find[1].Name = "beta" },
		"nothing is to be found":         func(f *model.Fit) { f.Find = nil },
		"is named twice":                 func(f *model.Fit) { f.Find[1].Name = "R" },
		"tensor u is free":               func(f *model.Fit) { f.Noise = nil },
		"it must be of one value":        func(f *model.Fit) { f.Change[0].Name, f.Find[1].Name = "alpha", "T" },
		"can't have orthonormal columns": func(f *model.Fit) { f.Find[1].Orthogonal = true },
		"shape [3]":                      func(f *model.Fit) { f.Find[1].Start = array.New(array.Dim("a", 3)) },
		"not orthonormal": func(f *model.Fit) {
			f.Find[0].Start = array.New(array.Dim("a", d), array.Dim("b", 4))
		},
		"metric 1 of 1":                 func(f *model.Fit) { f.Loss[0].Metric = 1 },
		"has no gradient":               func(f *model.Fit) { f.Base.Metrics[0] = model.Top1(model.IDs(1)) },
		"a penalty is a formula":        func(f *model.Fit) { f.Loss[1].Penalty = formula.Here() },
		"is an activation":              func(f *model.Fit) { f.Loss[1] = model.Loss{Value: hook.ResidPost(0)} },
		"no edit of blocks.0":           func(f *model.Fit) { f.Loss[1] = model.Loss{Value: hook.ResidPost(0).Label("x")} },
		"paired row by row":             func(f *model.Fit) { f.Source.Rows = f.Source.Rows[1:] },
		"no source run":                 func(f *model.Fit) { f.Source.Rows = nil },
		"rows, edits and metrics alone": func(f *model.Fit) { f.Base = f.Base.Capture(hook.Z(0)) },
		"of the source, of 1 tokens":    func(f *model.Fit) { f.Source.Rows = slices.Repeat([][]int32{{1}}, 6) },
		"has 9 steps already":           func(f *model.Fit) { f.From = &model.Fitted{Curve: make([]model.FitStep, 9)} },
		"has R [], not [32, 4]":         func(f *model.Fit) { f.From = &model.Fitted{} },
		"the last axis of [32]": func(f *model.Fit) {
			f.Base.Edits = []hook.Edit{hook.ResidPost(0).Compute(formula.Here().Dot(formula.Free("R", 3, 3)))}
		},
	} {
		t.Run(want, func(t *testing.T) {
			f := small(m)
			change(&f)
			if _, err := m.Fit(f); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A fit that diverges says at which step and with what loss, and keeps the last tensors
// that had a finite one, from which another goes on.
func TestFitDiverges(t *testing.T) {
	m := open(t)
	d := m.Config().DModel
	rng := rand.New(rand.NewPCG(5, 5))
	W := formula.Free("W", d, d)
	watch := hook.ResidPost(1).Watch("error", squared(formula.Here().Dot(W).Dot(W), formula.Here()))
	f := model.Fit{Base: model.Request{Rows: someRows(rng, m, 4, 5)}.Edit(watch), Find: []model.Find{{Name: "W", Scale: .1}},
		Loss: []model.Loss{{Value: hook.ResidPost(1).Label("error")}}, Optimizer: model.Optimizer{Kind: "sgd", Rate: 1}, Steps: 50}
	var notes []string
	ctx := model.WithNote(context.Background(), func(text string) { notes = append(notes, text) })
	got, err := m.FitContext(ctx, f)
	n := 0
	if got != nil {
		n = len(got.Curve)
	}
	if err == nil || n == 0 || n == 50 || !got.Stopped || !strings.Contains(err.Error(), fmt.Sprintf("step %d: the loss is ", n)) {
		t.Fatalf("%d steps: %v", n, err)
	}
	if len(notes) != n || !strings.HasPrefix(notes[0], "loss ") {
		t.Errorf("notes of the loss: %q", notes)
	}
	f.From, f.Steps, f.Optimizer.Rate = got, n+1, 1e-12
	again, err := m.Fit(f)
	if err != nil {
		t.Fatalf("it does not go on: %v", err)
	}
	last := again.Curve[n].Loss // with the tensors that were kept
	if want := got.Curve[n-1].Loss; math.Abs(last-want) > 1e-4*want {
		t.Errorf("the tensors kept have a loss of %g; the last finite one was %g", last, want)
	}
}
