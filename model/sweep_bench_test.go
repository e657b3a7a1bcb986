//go:build !golens_cell

package model_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// benchSweeps are the sweeps that people wait for: clean activations into a
// corrupted run, and the way of every head to the logits.
var benchSweeps = []struct {
	name     string
	rows     int // of the batch
	agree    int // leading tokens that both batches share
	everyPos bool
	make     func(c shapeOf, pos int) []model.Variant
}{
	{"heads", 32, 0, false, func(c shapeOf, _ int) (all []model.Variant) {
		return c.heads(func(l, h int) []hook.Edit { return []hook.Edit{hook.Z(l).Head(h).FromSource()} })
	}},
	{"heads, IOI-like", 32, 9, false, func(c shapeOf, _ int) (all []model.Variant) {
		return c.heads(func(l, h int) []hook.Edit { return []hook.Edit{hook.Z(l).Head(h).FromSource()} })
	}},
	{"residual by position", 32, 0, true, func(c shapeOf, pos int) (all []model.Variant) {
		for l := range c.Layers {
			all = append(all, model.Variant{Edits: []hook.Edit{hook.ResidPre(l).At(pos).FromSource()}})
		}
		return all
	}},
	{"heads by position, one prompt", 1, 0, true, func(c shapeOf, pos int) []model.Variant {
		return c.heads(func(l, h int) []hook.Edit { return []hook.Edit{hook.Z(l).Head(h).At(pos).FromSource()} })
	}},
	{"path to the logits", 32, 0, false, func(c shapeOf, _ int) []model.Variant {
		return c.heads(func(l, h int) []hook.Edit {
			var edits []hook.Edit
			for k := range c.Layers {
				edits = append(edits, hook.Z(k).Freeze())
			}
			return append(edits, hook.Z(l).Head(h).FromSource())
		})
	}},
}

// naive is the time of one full pass per variant: of the third and fourth of a
// naive sweep, so that the base and source runs and compiling do not count,
// times the number of variants.
func naive(b *testing.B, m *model.Model, s model.Sweep) time.Duration {
	took := func(variants []model.Variant) time.Duration {
		few := s
		few.Variants = variants
		began := time.Now()
		if _, err := modeltest.NaiveSweep(m, few); err != nil {
			b.Fatal(err)
		}
		return time.Since(began)
	}
	took(s.Variants[:2]) // compiles
	two := took(s.Variants[:2])
	return (took(s.Variants[:4]) - two) / 2 * time.Duration(len(s.Variants))
}

type shapeOf struct{ modeltest.Shape }

func (c shapeOf) heads(edits func(layer, head int) []hook.Edit) (all []model.Variant) {
	for l := range c.Layers {
		for h := range c.Heads {
			all = append(all, model.Variant{Edits: edits(l, h)})
		}
	}
	return all
}

// BenchmarkSweep runs each sweep on prompts of 15 tokens. "x naive" is the time
// of one full pass per variant, estimated from a few of them, over the sweep's.
// The naive twin runs on the same engine and unembeds the metric's positions
// alone: a peer that computes all logits is slower still.
func BenchmarkSweep(b *testing.B) {
	const positions = 15
	for _, shape := range []modeltest.Shape{modeltest.Small, modeltest.GPT2Small} {
		dir := modeltest.Random(b, shape, 1)
		for _, c := range benchSweeps {
			b.Run(shape.Name+"/"+c.name, func(b *testing.B) {
				m, err := model.Open(dir)
				if err != nil {
					b.Fatal(err)
				}
				defer m.Close()
				base, source := prompts(c.rows, positions, 0, shape.Vocab), prompts(c.rows, positions, 13, shape.Vocab)
				for i := range source {
					copy(source[i], base[i][:c.agree])
				}
				s := model.Sweep{Base: model.Request{Rows: base}.Metric(model.LogitDiff(model.IDs(1), model.IDs(2))), Source: model.Request{Rows: source}}
				for pos := range positions {
					if pos == 0 || c.everyPos {
						s.Variants = append(s.Variants, c.make(shapeOf{shape}, pos)...)
					}
				}
				res := sweep(b, m, s) // compiles
				for b.Loop() {
					sweep(b, m, s)
				}
				each := b.Elapsed() / time.Duration(b.N)
				b.ReportMetric(float64(naive(b, m, s))/float64(each), "x_naive")
				reportSpeed(b, float64(res.Plan.FLOPs+res.Plan.Base)*float64(b.N))
				b.ReportMetric(100*res.Plan.Share(), "%_of_naive_FLOPs")
				hosted, held := growth(b, m, s)
				b.ReportMetric(hosted, "x_predicted_memory")
				b.ReportMetric(held, "x_predicted_memory_held")
				b.Log(fmt.Sprint("\n", res.Plan))
			})
		}
	}
}
