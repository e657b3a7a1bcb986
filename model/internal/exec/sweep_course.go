package exec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// A course is the blocks that one row of one variant runs, and at which
// positions.
type course struct {
	variant, row int
	embed        bool // the embedding is edited, and runs
	steps        []step
	final        []int // positions unembedded; nil for none
	from, end    int   // positions of the steps that compute attention
	key          string
}

// A step is one block. Attention is computed (live), or what comes of it is the
// base run's with the variant's edits.
type step struct {
	layer        int
	live         bool
	z, attn, mlp bool  // given, not computed
	keys         []int // positions of the residual stream into the block
	outs         []int // those of them that are computed
}

// at are the positions in a row at which an edit acts, sorted; none if it
// leaves the row alone.
func (s *sweep) at(p hook.Point, row int) []int {
	if p.Batch != nil && !slices.Contains(p.Batch, row) {
		return nil
	}
	if p.Kind.PositionAxis() < 0 {
		return upTo(s.lens[row])
	}
	list := positions(p.Pos.In(row), s.lens[row], 0, false)
	slices.Sort(list)
	return slices.Compact(list)
}

// changes are the positions at which edits of a variant may change an activation.
func (s *sweep) changes(edits []hook.Edit, v variant, row int) []int {
	var all []int
	for _, e := range edits {
		if e.Op == hook.OpFreeze || e.Op == hook.OpScale && e.Factor == 1 {
			continue
		}
		at := s.at(e.Point, row)
		if e.Op == hook.OpSource {
			at = from(at, v.same[row])
		}
		all = union(all, at)
	}
	return all
}

// set are the positions at which edits leave nothing of what was there; frozen
// counts only what is the base run's.
func (s *sweep) set(edits []hook.Edit, row int, frozen bool) []int {
	var all []int
	heads := map[string]map[int]bool{}
	for _, e := range edits {
		if !e.Sets() || e.Coords != nil || frozen && e.Op != hook.OpFreeze {
			continue
		}
		axis := e.Kind.HeadAxis()
		if axis < 0 || e.Heads == nil {
			all = union(all, s.at(e.Point, row))
			continue
		}
		key := fmt.Sprint(s.at(e.Point, row))
		if heads[key] == nil {
			heads[key] = map[int]bool{}
		}
		for _, h := range e.Heads {
			heads[key][h] = true
		}
		if len(heads[key]) == s.Config.Dims(e.Kind, 1)[axis-1] {
			all = union(all, s.at(e.Point, row))
		}
	}
	return all
}

// after is where an activation differs from the base run's, once edited.
func (s *sweep) after(before []int, edits []hook.Edit, v variant, row int) []int {
	if len(edits) == 0 {
		return before
	}
	return union(minus(before, s.set(edits, row, true)), s.changes(edits, v, row))
}

// reach is what happens in one block of one row: where activations differ from
// the base run's.
type reach struct {
	in, keys, queries []int // at the block's start, and what attention reads
	attention         []int // where attention must be computed
	mlp               []int // where the MLP must be computed
	inside            []int // where anything between differs, also what does not get out
	out               []int
}

func (s *sweep) reach(l int, in []int, v variant, row int) reach {
	if len(in) == 0 && !v.blocks[l].any {
		return reach{}
	}
	var parts [partPost + 1][]int // changes by edits
	var setZ, setAttn, setMLP []int
	for _, k := range s.kinds {
		if !v.blocks[l].any {
			break
		}
		edits := v.edits[hook.ID{Kind: k, Layer: l}]
		if len(edits) == 0 {
			continue
		}
		part := partOf(s.Config, k)
		parts[part] = union(parts[part], s.changes(edits, v, row))
		switch k { // what is read before it is set must be computed all the same
		case hook.KindZ:
			setZ = union(setZ, s.set(edits, row, false))
		case hook.KindResult:
			if !s.read(l, partZ) {
				setZ = union(setZ, s.set(edits, row, false))
			}
		case hook.KindAttnOut:
			if !s.read(l, partZ) {
				setAttn = s.set(edits, row, false)
			}
		case hook.KindMLPOut:
			if !s.read(l, partMLP) {
				setMLP = s.set(edits, row, false)
			}
		}
	}
	edits := func(k hook.Kind) []hook.Edit {
		if !v.blocks[l].any {
			return nil
		}
		return v.edits[hook.ID{Kind: k, Layer: l}]
	}
	var r reach
	r.in = s.after(in, edits(hook.KindResidPre), v, row)
	r.keys = union(r.in, union(parts[partKeys], parts[partBoth]))
	r.queries = union(r.in, union(parts[partQueries], parts[partBoth]))
	z := r.queries
	if len(r.keys) > 0 {
		first := r.keys[0]
		if v.blocks[l].seesAll {
			first = 0
		}
		z = union(z, from(upTo(s.lens[row]), first))
	}
	r.attention = minus(z, union(setZ, setAttn))
	z = s.after(z, edits(hook.KindZ), v, row)
	attn := union(s.after(z, edits(hook.KindResult), v, row), parts[partZ])
	r.inside = union(z, attn)
	attn = s.after(attn, edits(hook.KindAttnOut), v, row)
	mid := union(s.after(union(r.in, attn), edits(hook.KindResidMid), v, row), parts[partMid])
	out := mid
	if !s.Config.AttnOnly() {
		reads := mid
		if s.Config.Parallel {
			reads = r.in
			if s.Config.SharedNorm {
				reads = union(reads, parts[partBoth])
			}
		}
		reads = union(reads, parts[partMLP])
		r.inside = union(r.inside, reads)
		r.mlp = minus(reads, setMLP)
		out = union(mid, s.after(reads, edits(hook.KindMLPOut), v, row))
	}
	r.out = union(s.after(out, edits(hook.KindResidPost), v, row), parts[partPost])
	return r
}

// read tells whether an activation in a part of a block is captured or measured.
func (s *sweep) read(layer, part int) bool {
	return slices.ContainsFunc(s.points, func(p hook.Point) bool {
		return p.Layer == layer && !p.Kind.Global() && partOf(s.Config, p.Kind) == part
	})
}

// seesAll tells whether a query may see what comes after it: in an encoder, or
// where an edit writes over the masked part of scores or patterns.
func (s *sweep) seesAll(l int, v variant) bool {
	if s.Config.Encoder {
		return true
	}
	all := slices.Clone(s.job.Base.Edits)
	if s.job.Source != nil {
		all = append(all, s.job.Source.Edits...)
	}
	for _, k := range []hook.Kind{hook.KindScores, hook.KindPattern} {
		id := hook.ID{Kind: k, Layer: l}
		writes := func(e hook.Edit) bool { return e.ID == id && e.Op != hook.OpScale }
		if slices.ContainsFunc(all, writes) || slices.ContainsFunc(v.edits[id], func(e hook.Edit) bool {
			return writes(e) && e.Op != hook.OpFreeze && e.Op != hook.OpSource
		}) {
			return true
		}
	}
	return false
}

// wanted are the positions of a row that the sweep reads of the activations of
// a block in the given part, or of the unembedding.
func (s *sweep) wanted(row int, in func(hook.ID) bool) []int {
	var all []int
	for _, p := range s.points {
		if in(p.ID) {
			all = union(all, s.at(p, row))
		}
	}
	return all
}

// course finds what a row of a variant must compute; ok is false if nothing that
// is read can change.
func (s *sweep) course(vi, row int) (c course, ok bool) {
	v, n, layers := s.variants[vi], s.lens[row], s.Config.Layers
	c = course{variant: vi, row: row, from: n}
	changed := make([][]int, layers+1)
	for _, id := range embedIDs {
		changed[0] = union(changed[0], s.changes(v.edits[id], v, row))
	}
	c.embed = len(changed[0]) > 0
	blocks := make([]reach, layers)
	for l := range layers {
		blocks[l] = s.reach(l, changed[l], v, row)
		changed[l+1] = blocks[l].out
	}
	final := changed[layers]
	for _, id := range finalIDs {
		final = union(final, s.changes(v.edits[id], v, row))
	}
	reads := s.wanted(row, func(id hook.ID) bool { return finals[id.Kind] })
	for _, m := range s.job.Base.Metrics {
		if m.Linear == nil {
			reads = union(reads, sorted(m.At(row)))
		}
	}
	c.final = s.padded(meet(reads, final), reads)
	need := meet(c.final, changed[layers])
	steps := make([]step, layers)
	start := layers
	for l := layers - 1; l >= 0; l-- {
		b := blocks[l]
		part := func(pre bool) []int {
			return s.wanted(row, func(id hook.ID) bool {
				return !id.Kind.Global() && id.Layer == l && (partOf(s.Config, id.Kind) <= partBoth) == pre
			})
		}
		all := union(b.out, union(b.keys, b.queries))
		earliest := first(all, n)
		if len(all) > 0 && v.blocks[l].seesAll {
			earliest = 0
		}
		before := meet(part(true), from(upTo(n), earliest))
		inside := meet(part(false), union(all, union(b.inside, union(b.attention, b.mlp))))
		t := step{layer: l, outs: union(need, union(before, inside))}
		if len(t.outs) == 0 {
			need = nil
			steps[l] = t
			continue
		}
		start = l
		t.live = len(meet(b.attention, t.outs)) > 0 || len(before) > 0
		need = meet(t.outs, b.in)
		if t.live {
			c.from = min(c.from, first(b.keys, n), t.outs[0])
			last := t.outs[len(t.outs)-1]
			if v.blocks[l].seesAll {
				last = n - 1
			}
			if s.Config.Encoder || s.Config.QKNorm != "" && s.Config.Position != config.PosRotary { // no hook has the keys as they are used
				c.from = 0
			}
			c.end = max(c.end, last+1)
			need = until(b.in, last+1)
		} else {
			t.z = v.blocks[l].touchZ
			t.attn = !t.z
			t.mlp = !s.Config.AttnOnly() && len(meet(b.mlp, t.outs)) == 0 && !v.blocks[l].touchMLP
		}
		steps[l] = t
	}
	c.embed = c.embed && start == 0
	c.steps = steps[start:]
	for len(c.steps) > 0 && c.final == nil && len(c.steps[len(c.steps)-1].outs) == 0 {
		c.steps = c.steps[:len(c.steps)-1]
	}
	s.place(&c)
	return c, len(c.steps) > 0 || c.final != nil
}

// touches tells whether a variant's edit or a capture is in a part of a block.
func (s *sweep) touches(v, layer, part int) bool {
	which := func(k hook.Kind) bool { return partOf(s.Config, k) == part }
	for id := range s.variants[v].edits {
		if id.Layer == layer && !id.Kind.Global() && which(id.Kind) {
			return true
		}
	}
	return slices.ContainsFunc(s.points, func(p hook.Point) bool { return p.Layer == layer && !p.Kind.Global() && which(p.Kind) })
}

// place sets the positions of the residual stream into each block. Blocks that
// compute attention get all from the first changed position on.
func (s *sweep) place(c *course) {
	later := false
	for i := len(c.steps) - 1; i >= 0; i-- {
		t := &c.steps[i]
		if len(t.outs) == 0 { // nothing is read here, but later layers run
			t.outs, t.attn, t.mlp = []int{min(c.from, s.lens[c.row]-1)}, true, !s.Config.AttnOnly()
		}
		switch {
		case t.live && later:
			t.keys = from(upTo(c.end), c.from)
			t.outs = t.keys
		case t.live:
			t.keys = from(upTo(c.end), c.from)
			t.outs = s.padded(t.outs, t.keys)
		default:
			t.keys = t.outs
		}
		later = later || t.live
	}
}

// padded adds positions to some of all, the last ones first, where graphs take
// long to compile, so that fewer are needed.
func (s *sweep) padded(some, all []int) []int {
	more := min(s.round(len(some)), len(all)) - len(some)
	if len(some) == 0 || more <= 0 {
		return some
	}
	rest := minus(all, some)
	return union(some, rest[len(rest)-more:])
}

// key is equal for courses that the same graphs can run.
func (s *sweep) key(c course) string {
	var b strings.Builder
	width := 0
	if c.end > 0 {
		width = s.round(c.end - c.from)
	}
	fmt.Fprint(&b, c.embed, len(c.final), " width ", width)
	for _, t := range c.steps {
		outs, keys := len(t.outs), len(t.keys)
		if t.live {
			keys = -1
			if len(t.outs) == len(t.keys) {
				outs = -1
			}
		}
		fmt.Fprint(&b, " ", t.layer, t.live, t.z, t.attn, t.mlp, keys, outs, s.variants[c.variant].blocks[t.layer].slots)
	}
	for _, id := range slices.Concat(embedIDs, finalIDs) {
		if edits := s.edits(c.variant, id); len(edits) > 0 {
			slots, _ := slotsOf(edits, id)
			fmt.Fprint(&b, slots)
		}
	}
	return b.String()
}

func first(a []int, otherwise int) int {
	if len(a) == 0 {
		return otherwise
	}
	return a[0]
}

func sorted(a []int) []int {
	a = slices.Clone(a)
	slices.Sort(a)
	return slices.Compact(a)
}

// from and until cut a sorted list.
func from(a []int, p int) []int {
	i, _ := slices.BinarySearch(a, p)
	return a[i:]
}

func until(a []int, p int) []int {
	i, _ := slices.BinarySearch(a, p)
	return a[:i]
}

// union, meet and minus are of sorted lists.
func union(a, b []int) []int {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	}
	out := make([]int, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			out, a = append(out, a[0]), a[1:]
		case a[0] > b[0]:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

func meet(a, b []int) []int { return keep(a, b, true) }

func minus(a, b []int) []int {
	if len(b) == 0 {
		return a
	}
	return keep(a, b, false)
}

func keep(a, b []int, in bool) (out []int) {
	for _, x := range a {
		for len(b) > 0 && b[0] < x {
			b = b[1:]
		}
		if (len(b) > 0 && b[0] == x) == in {
			out = append(out, x)
		}
	}
	return out
}
