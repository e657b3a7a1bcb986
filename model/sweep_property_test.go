package model_test

import (
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

var sweepSeed = flag.Uint64("sweepseed", 1, "first seed of the random sweeps")

// random makes sweeps of a model out of everything that a sweep can say.
type random struct {
	*rand.Rand
	t    *testing.T
	m    *model.Model
	rows [][]int32
	all  []hook.Kind
}

// newRandom draws a ragged batch, padded on either side or not at all, and a
// source that shares some rows' first tokens.
func newRandom(t *testing.T, m *model.Model, seed uint64) (*random, model.Request, model.Request) {
	t.Helper()
	r := &random{Rand: rand.New(rand.NewPCG(seed, 7)), t: t, m: m}
	for _, k := range hook.Kinds() {
		if k == hook.KindAttnIn && m.Config().Heads != m.Config().KVHeads {
			continue // which query head a key reads for is not said where they share keys
		}
		if _, err := m.Run(model.Request{Rows: [][]int32{{1}}}.Capture(hook.Point{ID: hook.ID{Kind: k}})); err == nil {
			r.all = append(r.all, k)
		}
	}
	vocab := int32(m.Config().Vocab)
	padded := r.IntN(3)
	var base, source model.Request
	for range 1 + r.IntN(3) {
		n := 2 + r.IntN(6)
		row, other := make([]int32, n), make([]int32, n)
		agree := r.IntN(n + 1)
		for i := range row {
			row[i] = r.Int32N(vocab)
			if other[i] = row[i]; i >= agree {
				other[i] = r.Int32N(vocab)
			}
		}
		r.rows = append(r.rows, row)
		base.Rows, base.Mask = pad(base.Rows, base.Mask, row, padded)
		source.Rows, source.Mask = pad(source.Rows, source.Mask, other, padded)
	}
	return r, base, source
}

// pad adds a row: as it is, or filled up to 8 on the left or right.
func pad(rows [][]int32, masks [][]bool, row []int32, how int) ([][]int32, [][]bool) {
	if how == 0 {
		return append(rows, row), nil
	}
	full, mask := make([]int32, 8), make([]bool, 8)
	at := 0
	if how == 1 {
		at = 8 - len(row)
	}
	copy(full[at:], row)
	for i := range row {
		mask[at+i] = true
	}
	return append(rows, full), append(masks, mask)
}

// point draws an activation and a part of it.
func (r *random) point() hook.Point {
	p := hook.Point{ID: hook.ID{Kind: r.all[r.IntN(len(r.all))]}}
	if !p.Kind.Global() {
		p.Layer = r.IntN(r.m.Config().Layers)
	}
	shortest := len(slices.MinFunc(r.rows, func(a, b []int32) int { return len(a) - len(b) }))
	switch r.IntN(4) {
	case 0:
		p = p.At(r.IntN(shortest))
	case 1:
		p = p.At(-1 - r.IntN(shortest))
	case 2:
		each := make([]int, len(r.rows))
		for i := range each {
			each[i] = r.IntN(len(r.rows[i]))
		}
		p = p.AtEach(each)
	}
	if axis := p.Kind.HeadAxis(); axis >= 0 && r.IntN(2) == 0 {
		heads := r.m.Config().Heads
		if p.Kind.Axes()[axis] == "kv_head" {
			heads = r.m.Config().KVHeads
		}
		p = p.Head(r.IntN(heads))
	}
	if r.IntN(4) == 0 {
		p = p.Row(r.IntN(len(r.rows)))
	}
	return p
}

// edit draws an operation at a point.
func (r *random) edit() hook.Edit {
	p := r.point()
	values := func() hook.Tensor {
		v := make([]float32, 1)
		if last := p.Kind.Axes()[len(p.Kind.Axes())-1]; last == "d_model" {
			v = make([]float32, r.m.Config().DModel)
		}
		for i := range v {
			v[i] = r.Float32() + 0.1
		}
		return hook.Vec(v...)
	}
	square := p.Kind == hook.KindScores || p.Kind == hook.KindPattern
	switch op := r.IntN(7); {
	case op == 0:
		return p.Replace(values())
	case op == 1:
		return p.Add(values())
	case op == 2 && p.Kind != hook.KindScores: // minus infinity times a number is not one
		return p.Scale(0.5)
	case op == 3:
		return p.Clamp(-0.3, 0.4)
	case op == 4 && !square && p.Kind.Axes()[len(p.Kind.Axes())-1] == "d_model":
		return p.ProjectOut(values())
	case op == 5:
		return p.Freeze()
	}
	return p.FromSource()
}

// twice is a source with a second row for each of the base, that shares some
// tokens with the first, and a long row that nobody takes from.
func (r *random) twice(source model.Request) model.Request {
	for i := range r.rows {
		row := slices.Clone(source.Rows[i])
		for j := range row {
			if r.IntN(2) == 0 {
				row[j] = r.Int32N(int32(r.m.Config().Vocab))
			}
		}
		source.Rows = append(source.Rows, row)
		if source.Mask != nil {
			source.Mask = append(source.Mask, source.Mask[i])
		}
	}
	source.Rows = append(source.Rows, make([]int32, 8))
	if source.Mask != nil {
		source.Mask = append(source.Mask, slices.Repeat([]bool{true}, 8))
	}
	return source
}

// sweep draws the metrics, the captures and the variants.
func (r *random) sweep(base, source model.Request) model.Sweep {
	vocab := r.m.Config().Vocab
	id := func() model.Choice { return model.IDs(r.Int32N(int32(vocab))) }
	reference := array.New(array.Dim("batch", len(r.rows)), array.Dim("pos", 1), array.Dim("vocab", vocab))
	for i := range reference.Values() {
		reference.Values()[i] = r.Float32()
	}
	linear := r.point().Whole()
	for linear.Kind == hook.KindScores {
		linear = r.point().Whole()
	}
	metrics := []model.Metric{model.Logit(id()), model.LogitDiff(id(), id()), model.LogProbOf(3), model.Prob(id()),
		model.NLL(), model.KL(reference), model.Linear(linear, hook.Vec(0.1)), model.Logit(id()).AtPositions(0), model.LogProbOf(5).AtPositions(-2, -1)}
	r.Shuffle(len(metrics), func(i, j int) { metrics[i], metrics[j] = metrics[j], metrics[i] })
	s := model.Sweep{Base: base.Metric(metrics[:1+r.IntN(3)]...), Source: source}
	if r.IntN(6) == 0 {
		s.Base.Edits = append(s.Base.Edits, r.formulaEdit(false, false))
	}
	if r.IntN(3) == 0 {
		if e := r.edit(); e.Op != hook.OpFreeze && e.Op != hook.OpSource {
			s.Base.Edits = append(s.Base.Edits, e)
		}
	}
	for range r.IntN(3) {
		s.Captures = append(s.Captures, r.point())
	}
	more := r.IntN(3) == 0
	if more {
		s.Source = r.twice(source)
	}
	freeze := r.IntN(3) // as path patching does
	for range 2 + r.IntN(4) {
		var v model.Variant
		for l := range r.m.Config().Layers {
			if freeze == 1 {
				v.Edits = append(v.Edits, hook.Z(l).Freeze())
			}
			if freeze == 1 && r.m.Config().DMLP > 0 && r.IntN(2) == 0 {
				v.Edits = append(v.Edits, hook.MLPOut(l).Freeze())
			}
		}
		for range 1 + r.IntN(2) {
			e := r.edit()
			if r.IntN(3) == 0 {
				e = r.formulaEdit(true, true)
			}
			if e.Op != hook.OpFreeze || !slices.ContainsFunc(v.Edits, func(o hook.Edit) bool { return o.ID == e.ID }) {
				v.Edits = append(v.Edits, e)
			}
		}
		if r.IntN(4) == 0 {
			v.Rows = []int{r.IntN(len(r.rows))}
		}
		for row := range r.rows {
			if more {
				v.Donors = append(v.Donors, row+r.IntN(2)*len(r.rows))
			}
		}
		s.Variants = append(s.Variants, v)
	}
	return s
}

// draws are the seeds of the random cases that a test tries on a family: all with
// GOLENS_SLOW=1, as CI does, else a fifth, another one for each family, and one in
// short tests and on XLA, where a case compiles tens of graphs.
func draws(family string, all uint64) (seeds []uint64) {
	h := fnv.New32()
	h.Write([]byte(family))
	first, step := *sweepSeed, uint64(1)
	switch {
	case strings.HasPrefix(os.Getenv("GOLENS_BACKEND"), "xla") || testing.Short():
		return []uint64{first}
	case os.Getenv("GOLENS_SLOW") == "":
		first, step = first+uint64(h.Sum32())%5, 5
	}
	for seed := first; seed < *sweepSeed+all; seed += step {
		seeds = append(seeds, seed)
	}
	return seeds
}

// Random sweeps of every family equal one full run for every variant.
func TestSweepEqualsNaiveTwin(t *testing.T) {
	dirs := modeltest.Families(t)
	dirs["attention only"] = "zoo:induction"
	for name, dir := range few(dirs, "gpt2", "llama_gqa", "gemma2", "bert") { // where a sweep compiles tens of graphs, at a second each
		t.Run(name, func(t *testing.T) {
			m, err := model.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			seeds := draws(name, 40)
			most, refused := 0.0, 0
			for _, seed := range seeds {
				r, base, source := newRandom(t, m, seed)
				s := r.sweep(base, source)
				got, err := m.Sweep(s)
				if err != nil && strings.Contains(err.Error(), "undoes") { // drawn by chance
					refused++
					continue
				} else if err != nil {
					t.Fatalf("seed %d: %v\n%s", seed, err, describe(s))
				}
				want, err := modeltest.NaiveSweep(m, s)
				if err != nil {
					t.Fatalf("seed %d: %v\n%s", seed, err, describe(s))
				}
				check := func(what string, a, b *array.Array) {
					size := 1.0 // float32 errs in proportion to what it adds up
					for _, v := range b.Values() {
						if v == v && v < 1e30 && v > -1e30 {
							size = max(size, abs(float64(v)))
						}
					}
					d := modeltest.MaxDiff(a, b) / size
					most = max(most, d)
					if !(d <= near) {
						t.Errorf("seed %d: %s differs by %.1e\n%s\n%s", seed, what, d, describe(s), got.Plan)
					}
				}
				for i := range want.Metrics {
					check(got.Metrics[i].Title(), got.Metrics[i], want.Metrics[i])
				}
				for i := range want.Captures {
					check(want.Captures[i].Point.String(), got.Captures[i].Array, want.Captures[i].Array)
				}
			}
			t.Logf("seeds %d: largest difference %.1e, %d refused", seeds, most, refused)
			if len(seeds) > 1 && refused > len(seeds)/2 {
				t.Error("too few sweeps ran to say anything")
			}
		})
	}
}

// describe lists a sweep's edits.
func describe(s model.Sweep) string {
	out := fmt.Sprintf("rows %v, base edits %v, captures %v", s.Base.Rows, s.Base.Edits, s.Captures)
	for i, v := range s.Variants {
		out += fmt.Sprintf("\n variant %d rows %v: %v", i, v.Rows, v.Edits)
	}
	return out
}
