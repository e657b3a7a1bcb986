//go:build !golens_cell

package model

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/golens/golens/model/dictionary"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/random"
)

// engineOf is the runner in this process of a random model.
func engineOf(t testing.TB, s random.Shape) *local {
	t.Helper()
	dir := t.TempDir()
	if err := random.GPT2(dir, s, "F32", 1); err != nil {
		t.Fatal(err)
	}
	r, err := OpenLocal(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return r.(*local)
}

func normal(n int) []float32 {
	rng := rand.New(rand.NewPCG(1, 1))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// naiveStep is the gradients of one step of top-k by products of whole matrices.
func naiveStep(product dictionary.Product, at dictionary.State, x []float32, d, features, k int) (enc, dec []float32, err error) {
	n := len(x) / d
	wEnc, wDec := at.Tensors[0], at.Tensors[3]
	pre := make([]float32, n*features)
	out, dPre := make([]float32, n*d), make([]float32, n*features)
	enc, dec = make([]float32, features*d), make([]float32, features*d)
	if err = product(dictionary.Operand{Values: x, Rows: n, Cols: d}, dictionary.Operand{Values: wEnc, Rows: features, Cols: d, Transposed: true}, 0, pre); err != nil {
		return
	}
	for r := range n {
		row := pre[r*features:][:features]
		order := slices.Clone(row)
		slices.Sort(order)
		least := order[features-k]
		for i, v := range row {
			if v < least || v < 0 {
				row[i] = 0
			}
		}
	}
	f := dictionary.Operand{Values: pre, Rows: n, Cols: features}
	if err = product(f, dictionary.Operand{Values: wDec, Rows: features, Cols: d}, 0, out); err != nil {
		return
	}
	for i := range out {
		out[i] = 2 / float32(n) * (out[i] - x[i])
	}
	g := dictionary.Operand{Values: out, Rows: n, Cols: d}
	if err = product(g, dictionary.Operand{Values: wDec, Rows: features, Cols: d, Transposed: true}, 0, dPre); err != nil {
		return
	}
	for i, v := range pre {
		if v == 0 {
			dPre[i] = 0
		}
	}
	f.Transposed = true
	if err = product(f, g, 0, dec); err != nil {
		return
	}
	err = product(dictionary.Operand{Values: dPre, Rows: n, Cols: features, Transposed: true}, dictionary.Operand{Values: x, Rows: n, Cols: d}, 0, enc)
	return
}

// TestDictionaryStepIsNaive holds the gradients of a step, which touch only what is
// active, to those by whole matrices, on the engine.
func TestDictionaryStepIsNaive(t *testing.T) {
	const d, features, batch, k = 24, 160, 40, 3
	l, x := engineOf(t, random.Tiny), normal(batch*d)
	tr, err := dictionary.NewTrainer(dictionary.Settings{Method: dictionary.LearnTopK, K: k, NoRescale: true, Features: features, Steps: 1}, d, d, false, l.multiply)
	if err != nil {
		t.Fatal(err)
	}
	enc, dec, err := naiveStep(l.multiply, tr.State(), x, d, features, k)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Step(x, nil); err != nil {
		t.Fatal(err)
	}
	after := tr.State().Tensors // values and two moments of each tensor; the first moment is a tenth of the gradient
	for i, want := range [][]float32{enc, dec} {
		for k, w := range want {
			if got := 10 * after[3*i+1][k]; math.Abs(float64(got-w)) > 1e-5 {
				t.Fatalf("gradient %d of tensor %d is %g, the naive one %g", k, i, got, w)
			}
		}
	}
}

// BenchmarkDictionaryStep times steps of training by the engine's products: 4,096
// random rows of width 768, 6,144 features; and top-k's naive twin.
func BenchmarkDictionaryStep(b *testing.B) {
	const d, features, batch = 768, 6144, 4096
	l, x := engineOf(b, random.Tiny), normal(batch*d)
	times := func(b *testing.B, step func() error) {
		for first := true; first || b.Loop(); first = false {
			if err := step(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(batch*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
	}
	for _, s := range []dictionary.Settings{
		{Method: dictionary.LearnStandard}, {Method: dictionary.LearnTopK, K: 32}, {Method: dictionary.LearnJumpReLU},
	} {
		s.Features, s.Steps = features, 1<<20
		t, err := dictionary.NewTrainer(s, d, d, false, l.multiply)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(string(s.Method), func(b *testing.B) {
			times(b, func() error { _, err := t.Step(x, nil); return err })
		})
		if s.Method == dictionary.LearnTopK {
			at := t.State()
			b.Run("topk naive", func(b *testing.B) {
				times(b, func() error { _, _, err := naiveStep(l.multiply, at, x, d, features, 32); return err })
			})
		}
	}
	a, w, out := dictionary.Operand{Values: x, Rows: batch, Cols: d}, dictionary.Operand{Values: normal(d * features), Rows: d, Cols: features}, make([]float32, batch*features)
	b.Run("product", func(b *testing.B) { // of which a dense step has five, and top-k one
		times(b, func() error { return l.multiply(a, w, 0, out) })
	})
}

// BenchmarkDictionary times a training from texts to weights: the stream into layer 6
// of GPT-2 small's shape, standard, 5 steps of 4,096 tokens, each computed once.
func BenchmarkDictionary(b *testing.B) {
	m := New(engineOf(b, random.GPT2Small))
	rng := rand.New(rand.NewPCG(2, 2))
	rows := make([][]int32, 160)
	for i := range rows {
		for range 128 {
			rows[i] = append(rows[i], rng.Int32N(50257))
		}
	}
	tokens := 0.0
	for b.Loop() {
		got, err := m.LearnDictionary(LearnDictionary{Rows: rows, Read: hook.ResidPre(6), Pool: 20480,
			Settings: dictionary.Settings{Features: 6144, Batch: 4096, Steps: 5}})
		if err != nil {
			b.Fatal(err)
		}
		tokens += float64(got.Tokens)
	}
	b.ReportMetric(tokens/b.Elapsed().Seconds(), "tokens/s")
}
