package model_test

import (
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// sweeps are the ones that people wait for, on a batch of prompts and its
// source: each line of the table in BENCHMARKS.md.
var sweeps = []struct {
	name     string
	rows     int
	shared   int // first tokens that a prompt and its source have in common
	variants func(c sizes) []model.Variant
}{
	{"heads", 32, 0, func(c sizes) (all []model.Variant) {
		return c.each(func(l, h int) []hook.Edit { return []hook.Edit{hook.Z(l).Head(h).FromSource()} })
	}},
	{"heads-ioi", 32, 9, func(c sizes) (all []model.Variant) {
		return c.each(func(l, h int) []hook.Edit { return []hook.Edit{hook.Z(l).Head(h).FromSource()} })
	}},
	{"resid", 32, 0, func(c sizes) (all []model.Variant) {
		for l := range c.layers {
			for p := range sweepPos {
				all = append(all, model.Variant{Edits: []hook.Edit{hook.ResidPre(l).At(p).FromSource()}})
			}
		}
		return all
	}},
	{"heads-by-position", 1, 0, func(c sizes) (all []model.Variant) {
		for p := range sweepPos {
			all = append(all, c.each(func(l, h int) []hook.Edit { return []hook.Edit{hook.Z(l).Head(h).At(p).FromSource()} })...)
		}
		return all
	}},
	{"paths-to-logits", 32, 0, func(c sizes) []model.Variant {
		return c.each(func(l, h int) (edits []hook.Edit) {
			for later := range c.layers {
				edits = append(edits, hook.Z(later).Freeze())
			}
			return append(edits, hook.Z(l).Head(h).FromSource())
		})
	}},
}

const sweepPos = 15

type sizes struct{ layers, heads int }

// each is a variant for every head.
func (c sizes) each(edits func(layer, head int) []hook.Edit) (all []model.Variant) {
	for l := range c.layers {
		for h := range c.heads {
			all = append(all, model.Variant{Edits: edits(l, h)})
		}
	}
	return all
}

// BenchmarkSweep runs each sweep, and beside it the naive twin's work: a full
// pass with the logits that the metric reads, once per variant. The ratio is
// that of the naive twin's time, measured on a single variant, to the sweep's.
func BenchmarkSweep(b *testing.B) {
	for _, shape := range []modeltest.Shape{modeltest.Small, modeltest.GPT2Small} {
		var m *model.Model
		for _, c := range sweeps {
			b.Run(shape.Name+"/"+c.name, func(b *testing.B) {
				if m == nil {
					var err error
					if m, err = model.Open(modeltest.Random(b, shape, 1)); err != nil {
						b.Fatal(err)
					}
				}
				s := sweepOf(c.rows, c.shared, shape.Vocab)
				s.Variants = c.variants(sizes{shape.Layers, shape.Heads})
				run := func() *model.SweepResult {
					res, err := m.Sweep(s)
					if err != nil {
						b.Fatal(err)
					}
					return res
				}
				run() // compiles
				naive := testing.Benchmark(func(b *testing.B) {
					for b.Loop() {
						if _, err := m.Run(s.Base); err != nil {
							b.Fatal(err)
						}
					}
				})
				var plan model.Plan
				for b.Loop() {
					plan = run().Plan
				}
				seconds := b.Elapsed().Seconds() / float64(b.N)
				b.ReportMetric(naive.T.Seconds()/float64(naive.N)*float64(len(s.Variants))/seconds, "x-naive")
				b.ReportMetric(float64(plan.FLOPs+plan.Base)/seconds/1e9, "GFLOP/s")
				b.ReportMetric(100*plan.Share(), "%-of-FLOPs")
			})
		}
	}
}

func sweepOf(rows, shared, vocab int) model.Sweep {
	var s model.Sweep
	for r := range rows {
		base, source := make([]int32, sweepPos), make([]int32, sweepPos)
		for i := range base {
			base[i] = int32((r*131 + i*17 + 3) % vocab)
			if source[i] = base[i]; i >= shared {
				source[i] = int32((r*97 + i*29 + 11) % vocab)
			}
		}
		s.Base.Rows, s.Source.Rows = append(s.Base.Rows, base), append(s.Source.Rows, source)
	}
	s.Base = s.Base.Metric(model.LogitDiff(model.IDs(100), model.IDs(200)))
	return s
}
