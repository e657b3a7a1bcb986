package model_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// generation draws how rows are continued, the edits and the captures.
func (r *random) generation() model.Generation {
	g := r.m.Rows(r.rows).Complete(1 + r.IntN(7))
	if r.IntN(2) == 0 {
		g = g.Sample(0.5+r.Float64(), r.Uint64())
		g.TopK, g.TopP = r.IntN(20), r.Float64()
	}
	if r.IntN(3) == 0 {
		for range 1 + r.IntN(30) {
			g.Stop = append(g.Stop, r.Int32N(int32(r.m.Config().Vocab)))
		}
	}
	for range r.IntN(4) {
		e := r.edit()
		if e.Op == hook.OpFreeze || e.Op == hook.OpSource {
			continue
		}
		axes := e.Kind.Axes()
		if axes[len(axes)-1] == hook.Key && e.Op != hook.OpScale {
			e.Coords = []int{0} // no query is before it; see modeltest.NaiveGenerate
		}
		g.Edits = append(g.Edits, e)
	}
	for range r.IntN(4) {
		p := r.point()
		switch {
		case r.IntN(3) == 0:
			p = p.At(-1)
		case len(p.Pos.Rows) > 1 || !p.Pos.All() && p.Pos.Rows[0][0] < 0:
			p.Pos = hook.Positions{}
		}
		g.Captures = append(g.Captures, p)
	}
	return g
}

// Random generations of every family equal those that run the whole row for
// every token.
func TestRandomGenerations(t *testing.T) {
	families := modeltest.Families(t)
	maps.DeleteFunc(families, func(name, _ string) bool { return encoders[name] })
	families["attention only"] = "zoo:induction"
	families = few(families, "gpt2", "gemma3_text") // where each compiles tens of graphs
	for _, name := range slices.Sorted(maps.Keys(families)) {
		t.Run(name, func(t *testing.T) {
			m, err := model.Open(families[name])
			if err != nil {
				t.Fatal(err)
			}
			most := 0.0
			for _, seed := range draws(name, 8) {
				r, _, _ := newRandom(t, m, seed)
				g := r.generation()
				describe := fmt.Sprintf("seed %d: rows %v, %d new, stop %v, edits %v, captures %v", seed, g.Rows, g.New, g.Stop, g.Edits, g.Captures)
				want, err := modeltest.NaiveGenerate(m, g)
				if err != nil {
					t.Fatalf("%s: %v", describe, err)
				}
				got, err := m.Complete(g)
				if err != nil {
					t.Fatalf("%s: %v", describe, err)
				}
				if fmt.Sprint(got.Prompts.IDs, got.Ended) != fmt.Sprint(want.Prompts.IDs, want.Ended) {
					t.Fatalf("%s: %v %v, naively %v %v", describe, got.Prompts.IDs, got.Ended, want.Prompts.IDs, want.Ended)
				}
				for i, c := range want.Captures {
					size := 1.0 // float32 errs in proportion to what it adds up
					for _, v := range c.Array.Values() {
						if v == v && v < 1e30 && v > -1e30 {
							size = max(size, abs(float64(v)))
						}
					}
					a, b := got.Captures[i].Array, c.Array
					d := modeltest.MaxDiff(a, b) / size
					most = max(most, d)
					if !(d <= near) || !slices.Equal(a.Shape(), b.Shape()) {
						t.Errorf("%s: %s differs by %.1e; shape %v, naively %v", describe, c.Point, d, a.Shape(), b.Shape())
					}
				}
			}
			t.Logf("largest difference %.1e", most)
		})
	}
}
