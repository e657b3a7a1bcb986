package model_test

import (
	"testing"

	"github.com/golens/golens/model"
)

// BenchmarkSmolLM2 is a published model beside Hugging Face:
// testdata/smollm2/speed.py does the same on the same file. What is compiled is not
// measured; the best of several runs counts, in both.
func BenchmarkSmolLM2(b *testing.B) {
	m := openSmolLM2(b)
	row := func(n int) [][]int32 {
		ids := make([]int32, n)
		for i := range ids {
			ids[i] = int32(1000 + 37*i%40000)
		}
		return [][]int32{ids}
	}
	loss := func(n int) func() error {
		return func() error {
			_, err := m.Run(m.Rows(row(n)).Metric(model.NLL()))
			return err
		}
	}
	for _, work := range []struct {
		name string
		do   func() error
	}{
		{"loss of 1x128", loss(128)},
		{"loss of 1x512", loss(512)},
		{"50 tokens after 16", func() error {
			_, err := m.Complete(m.Rows(row(16)).Complete(50))
			return err
		}},
	} {
		b.Run(work.name, func(b *testing.B) {
			if err := work.do(); err != nil { // compiles
				b.Fatal(err)
			}
			best := 0.0
			for b.Loop() {
				before := b.Elapsed()
				if err := work.do(); err != nil {
					b.Fatal(err)
				}
				if took := (b.Elapsed() - before).Seconds(); best == 0 || took < best {
					best = took
				}
			}
			b.ReportMetric(1000*best, "best_ms")
		})
	}
}
