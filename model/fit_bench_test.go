package model_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// BenchmarkAlignment times a step of distributed alignment search, 32 directions of the
// stream behind the middle block at one position of 32 pairs of 15 tokens, and interchange
// interventions there over all pairs of inputs, beside full passes of as many rows, and
// forward runs of what a step needs, in the same run. The naive step is two passes forwards and one backwards.
func BenchmarkAlignment(b *testing.B) {
	for _, shape := range []modeltest.Shape{modeltest.Small, modeltest.GPT2Small} {
		m, err := model.Open(modeltest.Random(b, shape, 1))
		if err != nil {
			b.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(1, 2))
		batch := func(n int) (rows [][]int32, answers []int32) {
			for range n {
				row := make([]int32, 15)
				for i := range row {
					row[i] = rng.Int32N(int32(shape.Vocab))
				}
				rows, answers = append(rows, row), append(answers, rng.Int32N(int32(shape.Vocab)))
			}
			return rows, answers
		}
		const k, rows, position = 32, 32, 7
		at := hook.ResidPost(shape.Layers / 2).At(position)
		R := formula.Free("R", shape.DModel, k)
		x, s := formula.Here(), formula.Source()
		base, answers := batch(rows)
		source, _ := batch(rows)
		pass := func() {
			if _, err := m.Run(model.Request{Rows: base, Metrics: []model.Metric{model.LogProbOf(answers...)}}); err != nil {
				b.Fatal(err)
			}
		}
		fit := func(steps int) {
			f := model.Fit{
				Base:   model.Request{Rows: base}.Edit(at.Compute(x.Add(s.Sub(x).Dot(R).Dot(R.Transpose())))).Metric(model.LogProbOf(answers...)),
				Source: model.Request{Rows: source}, Find: []model.Find{{Name: "R", Orthogonal: true}},
				Loss: []model.Loss{{Weight: -1}}, Steps: steps, Seed: uint64(rng.IntN(1 << 30)),
			}
			if _, err := m.Fit(f); err != nil {
				b.Fatal(err)
			}
		}
		// A forward run of what a step needs: the blocks above, from the position on.
		above := model.Request{Metrics: []model.Metric{model.LogProbOf(answers...)}}
		for _, row := range base {
			above.Rows = append(above.Rows, row[position:])
		}
		above = above.Start(shape.Layers/2+1, array.New(array.Dim(hook.Batch, rows), array.Dim(hook.Pos, 15-position), array.Dim("d_model", shape.DModel)))
		needed := func() {
			if _, err := m.Run(above); err != nil {
				b.Fatal(err)
			}
		}
		pass()
		needed()
		fit(1) // compiles
		b.Run(shape.Name+"/step", func(b *testing.B) {
			passes, forward := clock(b, pass), clock(b, needed)
			one := clock(b, func() { fit(1) })
			took := clock(b, func() { fit(1 + b.N) })
			each := (took - one) / float64(b.N)
			b.ReportMetric(each/passes, "passes/step")
			b.ReportMetric(each/forward, "forwards/step")
			b.ReportMetric(each*1000, "ms/step")
			b.ReportMetric(passes*1000, "ms/pass")
		})
		for _, inputs := range []int{32, 200} {
			all, _ := batch(inputs)
			sweep := model.Sweep{Base: model.Request{Rows: all}.Metric(model.LogitDiff(model.IDs(1), model.IDs(2))), Source: model.Request{Rows: all}}
			for shift := 1; shift < inputs; shift++ {
				donors := make([]int, inputs)
				for i := range donors {
					donors[i] = (i + shift) % inputs
				}
				sweep.Variants = append(sweep.Variants, model.Variant{Edits: []hook.Edit{at.FromSource()}, Donors: donors})
			}
			if inputs == 200 && shape.Name == modeltest.GPT2Small.Name {
				sweep.Variants = sweep.Variants[:20] // of 199, all of the same cost
			}
			b.Run(fmt.Sprintf("%s/inputs=%d", shape.Name, inputs), func(b *testing.B) {
				passes := clock(b, pass)
				pairs := float64(len(sweep.Variants) * inputs)
				for b.Loop() {
					took := clock(b, func() {
						if _, err := m.Sweep(sweep); err != nil {
							b.Fatal(err)
						}
					})
					b.ReportMetric(pairs/took, "pairs/s")
					b.ReportMetric(took/pairs/(passes/rows), "passes/pair")
				}
			})
		}
		m.Close()
	}
}

// BenchmarkSites times alignment search as [BenchmarkAlignment] has it at two trios of 72
// sites, 12 layers at positions 2, 4, 7, 9, 12 and 14 of 15: the blocks and positions that
// each runs are on average those of all, within 5%. The first step at a position compiles,
// so run it with -benchtime 1x. grid-min is what 100 steps at all 72 take: each site of a
// trio stands for 24, and each position compiles once.
func BenchmarkSites(b *testing.B) {
	shape := modeltest.GPT2Small
	m, err := model.Open(modeltest.Random(b, shape, 1))
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	const k, rows, length, positions, sites, steps, timed = 32, 32, 15, 6, 72, 100, 4
	var batch [2][][]int32
	var answers []int32
	for i := range rows {
		for side := range batch {
			batch[side] = append(batch[side], nil)
			for range length {
				batch[side][i] = append(batch[side][i], rng.Int32N(int32(shape.Vocab)))
			}
		}
		answers = append(answers, rng.Int32N(int32(shape.Vocab)))
	}
	R, x, s := formula.Free("R", shape.DModel, k), formula.Here(), formula.Source()
	compiling, compiled, grid := 0.0, map[int]bool{}, [2]float64{}
	for t, trio := range [2][3][2]int{{{3, 4}, {6, 9}, {10, 12}}, {{1, 9}, {5, 7}, {9, 12}}} {
		for _, site := range trio {
			fit := func(steps int) {
				if _, err := m.Fit(model.Fit{
					Base:   model.Request{Rows: batch[0]}.Edit(hook.ResidPost(site[0]).At(site[1]).Compute(x.Add(s.Sub(x).Dot(R).Dot(R.Transpose())))).Metric(model.LogProbOf(answers...)),
					Source: model.Request{Rows: batch[1]}, Find: []model.Find{{Name: "R", Orthogonal: true}},
					Loss: []model.Loss{{Weight: -1}}, Steps: steps, Seed: uint64(rng.IntN(1 << 30)),
				}); err != nil {
					b.Fatal(err)
				}
			}
			first := clock(b, func() { fit(1) })
			again := clock(b, func() { fit(1) })
			each := (clock(b, func() { fit(1 + timed) }) - again) / timed
			grid[t] += (again + (steps-1)*each) * sites / 3
			if !compiled[site[1]] {
				compiling, compiled[site[1]] = compiling+first-again, true
			}
			b.ReportMetric(each*1000, fmt.Sprintf("ms/step-%d.%d", site[0], site[1]))
		}
	}
	compiling *= positions / float64(len(compiled))
	b.ReportMetric(compiling, "sec/compiling")
	b.ReportMetric((grid[0]+compiling)/60, "grid-min")
	b.ReportMetric((grid[1]+compiling)/60, "grid-min-other")
}

// BenchmarkTunedLens times a step of a tuned lens, all translators, 4 texts of 128
// tokens. The model's run of the texts is a part of each step, as with texts that are
// new. GFLOP/s counts products alone.
func BenchmarkTunedLens(b *testing.B) {
	for _, shape := range []modeltest.Shape{modeltest.Small, modeltest.GPT2Small} {
		m, err := model.Open(modeltest.Random(b, shape, 1))
		if err != nil {
			b.Fatal(err)
		}
		const texts, length = 4, 128
		rng := rand.New(rand.NewPCG(1, 2))
		last := hook.ResidPost(shape.Layers - 1)
		fit := model.Fit{Loss: []model.Loss{{Weight: float64(shape.Layers)}}, Clip: 1, Together: shape.Layers, Cache: 1, Optimizer: model.Optimizer{Kind: "sgd", Rate: .1, Momentum: .9, Nesterov: true}}
		for range texts {
			row := make([]int32, length)
			for i := range row {
				row[i] = rng.Int32N(int32(shape.Vocab))
			}
			for range shape.Layers {
				fit.Base.Rows = append(fit.Base.Rows, row)
			}
		}
		for l := range shape.Layers {
			var own []int
			for i := range texts {
				own = append(own, i*shape.Layers+l)
			}
			w, bias := fmt.Sprint(l, ".weight"), fmt.Sprint(l, ".bias")
			h := formula.At(hook.ResidPre(l).String())
			fit.Base = fit.Base.Edit(last.Row(own...).Compute(h.Add(h.Dot(formula.Free(w, shape.DModel, shape.DModel).Transpose())).Add(formula.Free(bias, shape.DModel))))
			fit.Find = append(fit.Find, model.Find{Name: w}, model.Find{Name: bias})
		}
		fit.Base = fit.Base.Metric(model.KL(nil).AtPositions(hook.UpTo(length)...))
		run := func(steps int) {
			fit.Steps = steps
			if _, err := m.Fit(fit); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(shape.Name, func(b *testing.B) {
			one := clock(b, func() { run(1) })
			took := clock(b, func() { run(1 + b.N) })
			tokens := texts * length * float64(b.N) / (took - one)
			b.ReportMetric(tokens, "tokens/s")
			d, layers := float64(shape.DModel), float64(shape.Layers)
			products := 2 * (layers*(2*d*float64(shape.Vocab)+3*d*d) + layers*12*d*d + d*float64(shape.Vocab)) // of a token
			b.ReportMetric(tokens*products/1e9, "GFLOP/s")
		})
		m.Close()
	}
}
