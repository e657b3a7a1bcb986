package exec

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/plan"
)

// A SweepPlan says what a sweep runs and what that costs.
type SweepPlan struct {
	Rows, Same         int // rows of variants that run, and that change nothing
	FLOPs, Base, Naive int64
	Memory             int64
	Groups             []SweepGroup
}

// A SweepGroup is the rows that the same graphs run.
type SweepGroup struct {
	Layer    int
	Start    string
	Position int
	Variants int
	Rows     int
	Chunks   int
	FLOPs    int64
	Memory   int64
}

// group is courses that the same graphs run, cut into chunks of batch rows.
type group struct {
	courses []course
	width   int // positions of blocks that compute attention; 0 if none does
	past    int // earlier positions, whose keys and values are the base run's
	batch   int
	slots   int // rows of a lane
	chunks  [][]course
}

// defaultBudget is what a sweep may hold if it does not say.
const defaultBudget = 4 << 30

// plan finds what every row must run, and sorts the rows into groups.
func (s *sweep) plan() ([]*group, SweepPlan, error) {
	var p SweepPlan
	byKey := map[string][]course{}
	for v, courses := range s.courses() {
		p.Rows += len(courses)
		p.Same += len(s.variants[v].rows) - len(courses)
		for _, c := range courses {
			byKey[c.key] = append(byKey[c.key], c)
		}
	}
	budget := s.job.Budget
	if budget == 0 {
		budget = defaultBudget
	}
	var groups []*group
	for _, courses := range byKey {
		groups = append(groups, s.group(courses))
	}
	slices.SortFunc(groups, func(a, b *group) int {
		x, y := a.courses[0], b.courses[0]
		return cmp.Or(cmp.Compare(a.layer(s.Config), b.layer(s.Config)), cmp.Compare(x.from, y.from), cmp.Compare(x.variant, y.variant), cmp.Compare(x.row, y.row))
	})
	s.needs.base, s.needs.source = s.used(groups)
	held := s.held()
	workers := int64(s.workers())
	passes := s.passBytes(0)
	for s.rows = max(len(s.lens), len(s.source.lens)); s.rows > 1 && held+passes > budget; {
		s.rows = (s.rows + 1) / 2
		passes = s.passBytes(s.rows)
	}
	most := int64(0)
	for _, g := range groups {
		if held+s.bytes(g, 1) > budget {
			return nil, p, fmt.Errorf("sweep: one row of one variant needs %.1f MB, %.1f MB of it for what the base run leaves and for captures; the budget is %.1f MB",
				float64(held+s.bytes(g, 1))/1e6, float64(held)/1e6, float64(budget)/1e6)
		}
		for g.batch > 1 && held+workers*s.bytes(g, g.batch) > budget {
			g.batch = (g.batch + 1) / 2
		}
		s.cut(g)
		c := g.courses[0]
		seen := map[int]bool{}
		for _, c := range g.courses {
			seen[c.variant] = true
		}
		flops := s.flops(g) * int64(len(g.chunks))
		bytes := s.bytes(g, g.batch)
		most = max(most, min(workers, int64(len(g.chunks)))*bytes)
		p.FLOPs += flops
		p.Groups = append(p.Groups, SweepGroup{Layer: g.layer(s.Config), Position: c.position(), Start: c.start(), Variants: len(seen),
			Rows: len(g.courses), Chunks: len(g.chunks), FLOPs: flops, Memory: bytes})
	}
	if held+passes > budget {
		return nil, p, fmt.Errorf("sweep: the base run by single rows needs %.1f MB, %.1f MB of it for what it leaves and for captures; the budget is %.1f MB",
			float64(held+passes)/1e6, float64(held)/1e6, float64(budget)/1e6)
	}
	p.Memory = held + max(most, passes)
	p.Base = s.pass(s.job.Base, s.Config.Layers, len(s.lens), s.longest)
	p.Naive = 0
	for _, v := range s.variants {
		p.Naive += s.pass(s.job.Base, s.Config.Layers, len(v.rows), s.longest)
	}
	if s.job.Source != nil {
		p.Base += s.pass(*s.job.Source, s.until(), len(s.source.lens), s.source.longest)
	}
	return groups, p, nil
}

// courses are those of every variant's rows that something changes. Sweeps of
// many small runs take long to plan, so processors share the variants.
func (s *sweep) courses() [][]course {
	all := make([][]course, len(s.variants))
	_ = each(context.Background(), upTo(len(s.variants)), runtime.GOMAXPROCS(0), func(_ context.Context, v int) error {
		for _, row := range s.variants[v].rows {
			if c, ok := s.course(v, row); ok {
				c.key = s.key(c)
				all[v] = append(all[v], c)
			}
		}
		return nil
	})
	return all
}

func (g *group) layer(c config.Config) int {
	if len(g.courses[0].steps) == 0 {
		return c.Layers
	}
	return g.courses[0].steps[0].layer
}

func (c course) position() int {
	if len(c.steps) > 0 {
		return c.steps[0].keys[0]
	}
	return c.final[0]
}

// start names what the row starts from.
func (c course) start() string {
	switch {
	case c.embed:
		return "embed"
	case len(c.steps) == 0:
		return "resid_post"
	case c.steps[0].live:
		return "resid_pre"
	case c.steps[0].z:
		return "z"
	case c.steps[0].mlp:
		return "mlp_out"
	}
	return "attn_out"
}

// round rounds a number of positions up where graphs take long to compile.
func (s *sweep) round(n int) int {
	if s.Backend.Go() {
		return n
	}
	return min(roundRows(n), s.longest)
}

// tokensPerChunk bounds batch*pos of one call: large enough for the matrix
// products to reach their speed, small enough to stay in fast memory.
const tokensPerChunk = 2048

func (s *sweep) group(courses []course) *group {
	slices.SortStableFunc(courses, func(a, b course) int {
		return cmp.Or(cmp.Compare(a.row, b.row), cmp.Compare(a.variant, b.variant))
	})
	g := &group{courses: courses}
	tokens := len(courses[0].final)
	for i := range courses {
		c := &courses[i]
		if c.end > 0 {
			g.width = s.round(c.end - c.from)
			shift := min(c.from, g.width-(c.end-c.from)) // start earlier to fill a rounded width
			s.widen(c, shift)
			g.past = max(g.past, c.from)
		}
	}
	for _, t := range courses[0].steps {
		tokens = max(tokens, len(t.keys))
	}
	tokens = max(tokens, g.width, 1)
	g.batch = max(1, min(len(courses), tokensPerChunk/tokens))
	if s.Backend.Go() {
		workers := s.workers()
		g.batch = min(g.batch, (len(courses)+workers-1)/workers)
	}
	return g
}

// widen starts a course earlier, where nothing is changed yet.
func (s *sweep) widen(c *course, by int) {
	if by == 0 {
		return
	}
	c.from -= by
	for i := range c.steps {
		t := &c.steps[i]
		if !t.live {
			continue
		}
		all := len(t.outs) == len(t.keys)
		t.keys = from(upTo(c.end), c.from)
		if all {
			t.outs = t.keys
		}
	}
}

// cut makes the chunks. Rows of one base row stand together, so that they can
// share its past in a lane.
func (s *sweep) cut(g *group) {
	n := len(g.courses)
	count := (n + g.batch - 1) / g.batch
	g.batch = (n + count - 1) / count
	if !s.Backend.Go() {
		g.batch = roundRows(g.batch)
	}
	g.slots = 1
	if g.past > 0 {
		g.slots = lane(g.courses, g.batch)
		if g.slots > 1 {
			g.batch = max(1, g.batch/g.slots) * g.slots
		}
	}
	g.chunks = slices.Collect(slices.Chunk(g.courses, g.batch))
}

// lane is how many rows may share a lane: as many as every base row has, or a
// part of it, so that no lane holds rows of two base rows.
func lane(courses []course, batch int) int {
	counts := map[int]int{}
	for _, c := range courses {
		counts[c.row]++
	}
	same := -1
	for _, n := range counts {
		if same >= 0 && n != same {
			return 1
		}
		same = n
	}
	for k := min(same, batch); k > 1; k-- {
		if same%k == 0 {
			return k
		}
	}
	return 1
}

// used are the activations of the base and of the source run that the groups
// use.
func (s *sweep) used(groups []*group) (base, source []hook.Point) {
	ids := [2]map[hook.ID]bool{{}, {}}
	add := func(k hook.Kind, layer int) { ids[0][hook.ID{Kind: k, Layer: layer}] = true }
	for _, p := range s.points {
		add(p.Kind, p.Layer)
	}
	for _, v := range s.variants {
		for id, edits := range v.edits {
			for _, e := range edits {
				switch e.Op {
				case hook.OpFreeze:
					ids[0][id] = true
				case hook.OpSource:
					ids[1][id] = true
				}
			}
		}
	}
	last := s.Config.Layers - 1
	for _, g := range groups {
		for _, c := range g.courses {
			var have []int
			for i, t := range c.steps {
				switch {
				case i == 0 && !c.embed:
					add(hook.KindResidPre, t.layer)
				case i > 0 && !contains(have, s.taken(g, c, t)):
					add(hook.KindResidPost, t.layer-1)
				}
				if t.live && g.past > 0 {
					add(s.keyKind(), t.layer)
					add(hook.KindV, t.layer)
				}
				if t.z {
					add(hook.KindZ, t.layer)
				}
				if t.attn {
					add(hook.KindAttnOut, t.layer)
				}
				if t.mlp {
					add(hook.KindMLPOut, t.layer)
				}
				have = t.outs
			}
			if !contains(have, c.final) {
				add(hook.KindResidPost, last)
			}
		}
	}
	order := func(m map[hook.ID]bool) (all []hook.Point) {
		list := slices.SortedFunc(maps.Keys(m), func(a, b hook.ID) int {
			return cmp.Or(cmp.Compare(a.Layer, b.Layer), cmp.Compare(a.Kind, b.Kind))
		})
		for _, id := range list {
			all = append(all, hook.Point{ID: id})
		}
		return all
	}
	return order(ids[0]), order(ids[1])
}

// taken are the positions that a block takes: where attention is computed, all
// of the group's width that the row has, which rounding may have made larger
// than the keys.
func (s *sweep) taken(g *group, c course, t step) []int {
	if !t.live {
		return t.keys
	}
	return from(upTo(min(c.from+g.width, s.lens[c.row])), c.from)
}

// keyKind is the keys as attention uses them.
func (s *sweep) keyKind() hook.Kind {
	if s.Config.Position == config.PosRotary {
		return hook.KindRotK
	}
	return hook.KindK
}

func contains(have, want []int) bool { return len(minus(want, have)) == 0 }

// held is the bytes that stay while the groups run: what the base and source
// runs left and the answer.
func (s *sweep) held() int64 {
	n := 0
	for _, p := range slices.Concat(s.needs.base, s.job.Base.Kept()) {
		n += product(s.Config.Selected(p, len(s.lens), s.longest))
	}
	for _, p := range s.job.Captures {
		n += (len(s.variants) + 1) * product(s.Config.Selected(p, len(s.lens), s.longest))
	}
	if s.job.Source != nil {
		for _, p := range slices.Concat(s.needs.source, s.job.Source.Kept()) {
			n += product(s.Config.Selected(p, len(s.source.lens), s.source.longest))
		}
	}
	return 4 * int64(n)
}

// passBytes is the most that the base or source run holds at a time, in chunks
// of so many rows if rows is not 0: for each chunk that runs a block, what is
// read of it, and, for gradients, every block's input.
func (s *sweep) passBytes(rows int) int64 {
	most := 0
	for _, run := range []struct {
		job     *plan.Job
		lens    []int
		longest int
		points  []hook.Point
	}{{&s.job.Base, s.lens, s.longest, slices.Concat(s.needs.base, s.points)}, {s.job.Source, s.source.lens, s.source.longest, s.needs.source}} {
		if run.job == nil {
			continue
		}
		chunks := s.chunks(run.lens, run.longest, rows)
		f := chunks[0]
		reads := map[int]int{}
		for id := range ids(slices.Concat(run.job.Captures, run.points)) {
			reads[id.Layer] += product(s.Config.Dims(id.Kind, f.pos))
		}
		n := s.blockSize(step{live: true}, f.pos, f.pos, 0, 0) + slices.Max(append(slices.Collect(maps.Values(reads)), 0))
		if len(run.job.GradOf) > 0 {
			n += s.Config.Layers * f.pos * s.Config.DModel
		}
		most = max(most, n*f.batch*min(s.workers(), len(chunks)))
	}
	return 4 * int64(most)
}

// ids are the activations of some points.
func ids(points []hook.Point) map[hook.ID]bool {
	all := map[hook.ID]bool{}
	for _, p := range points {
		all[p.ID] = true
	}
	return all
}

// answerOf is the empty array of a capture of every variant.
func (s *sweep) answerOf(p hook.Point) *array.Array {
	one := answer(s.Config, p, len(s.lens), s.longest)
	return array.New(append([]array.Axis{array.Dim(hook.Variant, len(s.variants))}, one.Axes()...)...).Named(p.ID.String(), "")
}

// bytes is the most that one chunk of so many rows holds at a time: the
// residual stream, a block's largest activations beside each other, and the
// values of edits.
func (s *sweep) bytes(g *group, batch int) int64 {
	c := s.Config
	most := 0
	for i, t := range g.courses[0].steps {
		keys, outs := s.widths(g, i)
		lanes := (batch + max(1, g.slots) - 1) / max(1, g.slots)
		n := s.blockSize(t, keys, outs, g.past, 4*g.past*c.KVHeads*c.DHead*lanes/max(batch, 1))
		for _, k := range s.kinds {
			if edits := s.edits(g.courses[0].variant, hook.ID{Kind: k, Layer: t.layer}); len(edits) > 0 {
				dims := c.Dims(k, keys)
				n += 2 * product(dims)
			}
		}
		most = max(most, n)
	}
	if f := len(g.courses[0].final); f > 0 {
		most = max(most, f*(2*c.DModel+s.columns()))
	}
	return 4 * int64(most) * int64(batch)
}

// blockSize is how many values one row of a block holds at a time: the residual
// stream and what else is given, and attention or the MLP. given are those of
// keys and values that it does not compute.
func (s *sweep) blockSize(t step, keys, outs, past, given int) int {
	c := s.Config
	attention, scores, mlp := 0, 0, 0
	if t.live {
		attention = 2*keys*c.DModel + (2*keys*c.KVHeads+2*outs*c.Heads)*c.DHead + given
		scores = 3 * outs * (past + keys) * c.Heads
	}
	if !t.mlp && !c.AttnOnly() {
		mlp = 2 * outs * c.DMLP
		if c.Gated {
			mlp += outs * c.DMLP
		}
	}
	stream := (keys + outs*count([]bool{t.attn, t.mlp})) * c.DModel
	if t.z {
		stream += outs * c.Heads * c.DHead
	}
	around := 3 * outs * c.DModel // of the MLP
	if s.Backend.Go() {           // keeps what is freed, for values of the same size
		return stream + max(attention, around) + scores + mlp
	}
	return stream + max(attention+scores, around+mlp)
}

// widths are the positions of the i-th step's residual stream and of those that
// are computed.
func (s *sweep) widths(g *group, i int) (keys, outs int) {
	t := g.courses[0].steps[i]
	keys, outs = len(t.keys), len(t.outs)
	if t.live {
		if outs == keys {
			outs = g.width
		}
		keys = g.width
	}
	return keys, outs
}

// columns is how many logits of each position are computed.
func (s *sweep) columns() int {
	if ids := s.tokensOf(0); ids != nil {
		return len(ids)
	}
	return s.Config.Vocab
}

// tokensOf are the only tokens whose logits are read of a row, nil for all.
func (s *sweep) tokensOf(row int) (ids []int32) {
	if s.whole {
		return nil
	}
	for _, m := range s.job.Base.Metrics {
		if m.Linear == nil {
			ids = append(ids, m.Tokens(row)...)
		}
	}
	return ids
}

// readsWholeLogits tells whether somebody reads, or changes, logits other than
// those of a metric's tokens.
func (s *sweep) readsWholeLogits() bool {
	logits := hook.Logits().ID
	return slices.ContainsFunc(s.job.Base.Metrics, func(m plan.Objective) bool { return m.Linear == nil && m.Tokens == nil }) ||
		slices.ContainsFunc(s.points, func(p hook.Point) bool { return p.ID == logits }) ||
		slices.ContainsFunc(s.job.Base.Edits, func(e hook.Edit) bool { return e.ID == logits }) ||
		slices.ContainsFunc(s.variants, func(v variant) bool { return len(v.edits[logits]) > 0 })
}

// flops counts the matrix products of one chunk.
func (s *sweep) flops(g *group) int64 {
	n := int64(0)
	for i, t := range g.courses[0].steps {
		keys, outs := s.widths(g, i)
		n += blockFlops(s.Config, t, g.batch, keys, outs, g.past)
	}
	return n + 2*int64(g.batch*len(g.courses[0].final)*s.Config.DModel)*int64(s.columns())
}

// blockFlops counts the matrix products of a block.
func blockFlops(c config.Config, t step, batch, keys, outs, past int) int64 {
	n := 0
	d, q, kv := c.DModel, c.Heads*c.DHead, c.KVHeads*c.DHead
	if t.live {
		n += outs*d*q + 2*keys*d*kv + 2*outs*(past+keys)*q
	}
	if !t.attn {
		n += outs * q * d
	}
	if !t.mlp && !c.AttnOnly() {
		matrices := 2
		if c.Gated {
			matrices = 3
		}
		n += matrices * outs * d * c.DMLP
	}
	return 2 * int64(n) * int64(batch)
}

// pass counts the matrix products of rows of a job in so many blocks.
func (s *sweep) pass(job plan.Job, layers, rows, longest int) int64 {
	n := int64(layers) * blockFlops(s.Config, step{live: true}, rows, longest, longest, 0)
	read := 0
	for _, m := range job.Metrics {
		if m.Linear == nil {
			read = max(read, len(m.At(0)))
		}
	}
	return n + 2*int64(rows*read*s.Config.DModel)*int64(s.columns())
}
