package model_test

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/backend"
	"github.com/golens/golens/model/modeltest"
)

// A toy, a small model, and GPT-2 small on short and on longer prompts.
var batches = []struct {
	shape     modeltest.Shape
	rows, pos int
}{
	{modeltest.Tiny, 4, 16}, {modeltest.Small, 8, 64}, {modeltest.GPT2Small, 16, 16}, {modeltest.GPT2Small, 8, 128},
}

// productSpeed is how fast the backend multiplies matrices of 2048x2048: the
// best of a few tries, in operations per second.
var productSpeed = sync.OnceValues(func() (float64, error) {
	const n = 2048
	on, err := backend.Open("")
	if err != nil {
		return 0, err
	}
	product, err := graph.NewExec(on.Backend, func(x, y *graph.Node) *graph.Node { return graph.MatMul(x, y) })
	if err != nil {
		return 0, err
	}
	x := tensors.FromFlatDataAndDimensions(make([]float32, n*n), n, n)
	best := time.Duration(math.MaxInt64)
	for range 6 { // the first compiles
		began := time.Now()
		out, err := product.Call(x, x)
		if err != nil {
			return 0, err
		}
		if err := tensors.ConstFlatData(out[0], func([]float32) {}); err != nil { // waits
			return 0, err
		}
		best = min(best, time.Since(began))
		if err := out[0].FinalizeAll(); err != nil {
			return 0, err
		}
	}
	return 2 * n * n * n / best.Seconds(), nil
})

// reportSpeed reports the operations that a benchmark did, and their speed as a
// share of that of plain matrix products.
func reportSpeed(b *testing.B, flops float64) {
	b.Helper()
	of, err := productSpeed()
	if err != nil {
		b.Fatal(err)
	}
	speed := flops / b.Elapsed().Seconds()
	b.ReportMetric(speed/1e9, "GFLOP/s")
	b.ReportMetric(100*speed/of, "%_of_products")
}

// BenchmarkForward runs a batch and reads the last position's logits, all
// logits, or every activation of every block. GOLENS_BACKEND picks the engine;
// GFLOP/s counts matrix products alone.
func BenchmarkForward(b *testing.B) {
	opened := map[string]*model.Model{}
	for _, c := range batches {
		base := model.Request{Rows: prompts(c.rows, c.pos, 0, c.shape.Vocab), Budget: 1 << 40}
		kept := base
		for l := range c.shape.Layers {
			for _, k := range []func(int) hook.Point{hook.ResidPre, hook.Q, hook.K, hook.V, hook.Scores, hook.Pattern, hook.Z,
				hook.AttnOut, hook.ResidMid, hook.MLPPre, hook.MLPPost, hook.MLPOut, hook.ResidPost} {
				kept = kept.Capture(k(l))
			}
		}
		for _, v := range []struct {
			name    string
			request model.Request
			logits  int // positions unembedded per row
		}{
			{"last", base.Metric(model.LogProbOf(1)), 1},
			{"all logits", base.Capture(hook.Logits()), c.pos},
			{"cached", kept.Capture(hook.Logits()), c.pos},
		} {
			b.Run(fmt.Sprintf("%s/%dx%d/%s", c.shape.Name, c.rows, c.pos, v.name), func(b *testing.B) {
				m := opened[c.shape.Name]
				if m == nil {
					var err error
					if m, err = model.Open(modeltest.Random(b, c.shape, 1)); err != nil {
						b.Fatal(err)
					}
					opened[c.shape.Name] = m
				}
				if _, err := m.Run(v.request); err != nil { // compiles
					b.Fatal(err)
				}
				for b.Loop() {
					if _, err := m.Run(v.request); err != nil {
						b.Fatal(err)
					}
				}
				tokens := c.rows * c.pos
				attention := 2 * 2 * c.rows * c.pos * c.pos * c.shape.DModel * c.shape.Layers
				flops := 2*tokens*c.shape.Params() + attention + 2*c.rows*v.logits*c.shape.DModel*c.shape.Vocab
				reportSpeed(b, float64(flops)*float64(b.N))
				b.ReportMetric(float64(tokens)*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
			})
		}
	}
}

// prompts are rows of tokens, each row and each shift different.
func prompts(rows, positions, shift, vocab int) [][]int32 {
	all := make([][]int32, rows)
	for i := range all {
		for j := range positions {
			all[i] = append(all[i], int32((i*31+j*7+shift)%vocab))
		}
	}
	return all
}
