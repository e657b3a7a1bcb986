package model_test

import (
	"flag"
	"fmt"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/plotting"
)

var growthFile = flag.String("growth", "", "file for the figure of BenchmarkSweepGrowth, as growth.svg")

// BenchmarkSweepGrowth tells how the time of a sweep over head outputs grows
// with the number of variants, the length of the prompts and the layers: one of
// the three doubles, and the others stay. -growth draws it.
func BenchmarkSweepGrowth(b *testing.B) {
	const rows, variants, positions, layers = 8, 32, 32, 4
	sizes := []int{1, 2, 4, 8}
	var names []string
	var times []float32
	for _, axis := range []string{"variants", "positions", "layers"} {
		names = append(names, axis)
		for _, size := range sizes {
			shape, n, pos := modeltest.Small, variants, positions
			shape.Layers = layers
			switch axis {
			case "variants":
				n *= size
			case "positions":
				pos *= size
			case "layers":
				shape.Layers *= size
			}
			b.Run(fmt.Sprintf("%s=%d", axis, map[string]int{"variants": n, "positions": pos, "layers": shape.Layers}[axis]), func(b *testing.B) {
				m, err := model.Open(modeltest.Random(b, shape, 1))
				if err != nil {
					b.Fatal(err)
				}
				defer m.Close()
				s := model.Sweep{Base: model.Request{Rows: prompts(rows, pos, 0, shape.Vocab)}.Metric(model.LogitDiff(model.IDs(1), model.IDs(2))),
					Source: model.Request{Rows: prompts(rows, pos, 13, shape.Vocab)}}
				for i := range n { // spread evenly over the layers
					s.Variants = append(s.Variants, model.Variant{Edits: []hook.Edit{hook.Z(i % shape.Layers).Head(i % shape.Heads).FromSource()}})
				}
				sweep(b, m, s) // compiles
				for b.Loop() {
					sweep(b, m, s)
				}
				times = append(times, float32(b.Elapsed().Seconds())/float32(b.N))
			})
		}
	}
	if *growthFile == "" || len(times) != len(names)*len(sizes) {
		return
	}
	var labels []string
	for _, size := range sizes {
		labels = append(labels, fmt.Sprint(size))
	}
	for i := len(times) - 1; i >= 0; i-- { // each axis by its own first time
		times[i] /= times[i-i%len(sizes)]
	}
	times = append(times, 1, 2, 4, 8)
	x := array.Of(times, array.Labels("what grows", append(names, "in proportion")), array.Labels("times as many", labels)).Named("Time of a head sweep", "times the first")
	if err := plotting.Lines(x).Save(*growthFile); err != nil {
		b.Fatal(err)
	}
}
