package model_test

import (
	"math/rand/v2"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/tally"
)

// ids are the tokens of the tallies below: as many as let counts by token stay in memory.
const ids = 500

var firingTokens = func() (all []int32) {
	for id := range int32(ids) {
		all = append(all, id)
	}
	return all
}()

// firing is how often each neuron is above 0, in all and, if byToken, by each of the
// tokens below ids.
func firing(layers int, byToken bool) (t model.Tally) {
	for l := range layers {
		t.Reducers = append(t.Reducers, tally.Reducer{Point: hook.MLPPost(l), Kind: tally.Above})
		if byToken {
			t.Reducers = append(t.Reducers, tally.Reducer{Point: hook.MLPPost(l), Kind: tally.Above, By: tally.ByToken, Tokens: firingTokens})
		}
	}
	return t
}

// naiveFiring counts the same of captures, eight rows at a time
// [layer][token, neuron]; the last token is all.
func naiveFiring(t testing.TB, m *model.Model, rows [][]int32) [][]int64 {
	t.Helper()
	c := m.Config()
	count := make([][]int64, c.Layers)
	for l := range count {
		count[l] = make([]int64, (ids+1)*c.DMLP)
	}
	for len(rows) > 0 {
		now := rows[:min(8, len(rows))]
		rows = rows[len(now):]
		r := model.Request{Rows: now}
		for l := range c.Layers {
			r = r.Capture(hook.MLPPost(l))
		}
		got, err := m.Run(r)
		if err != nil {
			t.Fatal(err)
		}
		for l := range c.Layers {
			a := got.At(hook.MLPPost(l)) // [batch, pos, d_mlp]
			for i, row := range now {
				for pos, id := range row {
					for n := range c.DMLP {
						if a.At(i, pos, n) > 0 {
							count[l][int(id)*c.DMLP+n]++
							count[l][ids*c.DMLP+n]++
						}
					}
				}
			}
		}
	}
	return count
}

// randomRows are rows of so many tokens below ids.
func randomRows(rows, length int, seed uint64) [][]int32 {
	rng := rand.New(rand.NewPCG(seed, 0))
	all := make([][]int32, rows)
	for i := range all {
		for range length {
			all[i] = append(all[i], rng.Int32N(ids))
		}
	}
	return all
}

// BenchmarkTally counts how often each neuron fires over 64 rows of 128 tokens, beside
// passes over the same rows that read one activation of the last MLP: the blocks that a
// tally needs. Each iteration does all three in turn, so that what slows one slows all.
func BenchmarkTally(b *testing.B) {
	for _, shape := range []modeltest.Shape{modeltest.Small, modeltest.GPT2Small} {
		b.Run(shape.Name, func(b *testing.B) {
			m, err := model.Open(modeltest.Random(b, shape, 1))
			if err != nil {
				b.Fatal(err)
			}
			defer m.Close()
			rows := randomRows(64, 128, 1)
			ways := []struct {
				name string
				do   func(rows [][]int32) error
			}{
				{"pass", func(rows [][]int32) error {
					_, err := m.Run(model.Request{Rows: rows}.Capture(hook.MLPPost(shape.Layers - 1).At(-1).Coord(0)))
					return err
				}},
				{"counts", func(rows [][]int32) error {
					t := firing(shape.Layers, false)
					t.Rows = rows
					_, err := m.Tally(t)
					return err
				}},
				{"counts_by_token", func(rows [][]int32) error {
					t := firing(shape.Layers, true)
					t.Rows = rows
					_, err := m.Tally(t)
					return err
				}},
			}
			took := make([]float64, len(ways))
			do := func(rows [][]int32, take bool) {
				for i, w := range ways {
					s := clock(b, func() {
						if err := w.do(rows); err != nil {
							b.Fatal(err)
						}
					})
					if take {
						took[i] += s
					}
				}
			}
			do(rows[:32], false) // compiles
			for b.Loop() {
				do(rows, true)
			}
			for i, w := range ways {
				b.ReportMetric(float64(b.N*64*128)/took[i], w.name+"_tokens/s")
				b.ReportMetric(took[0]/took[i], w.name+"_of_pass")
			}
		})
	}
}
