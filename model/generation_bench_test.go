package model_test

import (
	"fmt"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// BenchmarkGenerate continues prompts of 16 tokens by 32, with keys and values
// kept and, as a generation without them would, with a run of the whole rows for
// every token.
func BenchmarkGenerate(b *testing.B) {
	const prompt, add = 16, 32
	for _, shape := range []modeltest.Shape{modeltest.Small, modeltest.GPT2Small} {
		dir := modeltest.Random(b, shape, 1)
		for _, n := range []int{1, 8} {
			rows := prompts(n, prompt, 0, shape.Vocab)
			cut := hook.Z(0).Head(1).Zero()
			for _, way := range []struct {
				name string
				run  func(m *model.Model) error
			}{
				{"cached", func(m *model.Model) error {
					_, err := m.Complete(m.Rows(rows).Complete(add))
					return err
				}},
				{"cached and edited", func(m *model.Model) error {
					_, err := m.Complete(m.Rows(rows).Complete(add).Edit(cut))
					return err
				}},
				{"sampled", func(m *model.Model) error {
					g := m.Rows(rows).Complete(add).Sample(0.8, 1)
					g.TopK, g.TopP = 50, 0.95
					_, err := m.Complete(g)
					return err
				}},
				{"whole rows", func(m *model.Model) error { return wholeRows(m, rows, add) }},
			} {
				b.Run(fmt.Sprintf("%s/%dx%d+%d/%s", shape.Name, n, prompt, add, way.name), func(b *testing.B) {
					m, err := model.Open(dir)
					if err != nil {
						b.Fatal(err)
					}
					defer m.Close()
					if err := way.run(m); err != nil { // compiles
						b.Fatal(err)
					}
					for b.Loop() {
						if err := way.run(m); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(n*add*b.N)/b.Elapsed().Seconds(), "tokens/s")
				})
			}
		}
	}
}

// wholeRows continues rows greedily, with one run of all of them for each token.
func wholeRows(m *model.Model, prompts [][]int32, n int) error {
	rows := make([][]int32, len(prompts))
	for i := range rows {
		rows[i] = append(rows[i], prompts[i]...)
	}
	last := hook.Logits().At(-1)
	for range n {
		run, err := m.Run(model.Request{Rows: rows}.Capture(last))
		if err != nil {
			return err
		}
		for i := range rows {
			_, best := run.At(last).Select(hook.Batch, i).Max()
			rows[i] = append(rows[i], int32(best[len(best)-1]))
		}
	}
	return nil
}
