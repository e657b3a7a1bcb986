package plan

import (
	"fmt"
	"slices"

	"github.com/golens/golens/model/hook"
)

// at are the positions in a row at which an edit acts, sorted; none if it
// leaves the row alone.
func (b *Batch) at(p hook.Point, row int) []int {
	if _, ok := p.Selects(row); !ok {
		return nil
	}
	if p.Pos.All() {
		return hook.UpTo(b.Lens[row])
	}
	list := p.Pos.Of(row, b.Lens[row])
	slices.Sort(list)
	return slices.Compact(list)
}

// changes are the positions at which edits of a variant may change an activation.
func (b *Batch) changes(edits []hook.Edit, v Changes, row int) []int {
	var all []int
	for _, e := range edits {
		if e.Op == hook.OpFreeze || e.Op == hook.OpScale && e.Factor == 1 {
			continue
		}
		at := b.at(e.Point, row)
		if e.Op == hook.OpSource {
			at = from(at, v.same[row])
		}
		all = union(all, at)
	}
	return all
}

// set are the positions at which edits leave nothing of what was there; frozen
// counts only what is the base run's.
func (b *Batch) set(edits []hook.Edit, row int, frozen bool) []int {
	var all []int
	heads := map[string]map[int]bool{}
	for _, e := range edits {
		if !e.Sets() || e.Coords != nil || frozen && e.Op != hook.OpFreeze {
			continue
		}
		axis := e.Kind.HeadAxis()
		if axis < 0 || e.Heads == nil {
			all = union(all, b.at(e.Point, row))
			continue
		}
		key := fmt.Sprint(b.at(e.Point, row))
		if heads[key] == nil {
			heads[key] = map[int]bool{}
		}
		for _, h := range e.Heads {
			heads[key][h] = true
		}
		if len(heads[key]) == b.Config.Dims(e.Kind, 1)[axis-1] {
			all = union(all, b.at(e.Point, row))
		}
	}
	return all
}

// after is where an activation differs from the base run's, once edited.
func (b *Batch) after(before []int, edits []hook.Edit, v Changes, row int) []int {
	if len(edits) == 0 {
		return before
	}
	return union(minus(before, b.set(edits, row, true)), b.changes(edits, v, row))
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

func (b *Batch) reach(l int, in []int, v Changes, row int) reach {
	if len(in) == 0 && !v.blocks[l].any {
		return reach{}
	}
	var parts [parts][]int // changes by edits
	var setZ, setAttn, setMLP []int
	for _, k := range b.kinds {
		if !v.blocks[l].any {
			break
		}
		edits := v.Edits[hook.ID{Kind: k, Layer: l}]
		if len(edits) == 0 {
			continue
		}
		part := PartOf(b.Config, k)
		parts[part] = union(parts[part], b.changes(edits, v, row))
		switch k { // what is read before it is set must be computed all the same
		case hook.KindZ:
			setZ = union(setZ, b.set(edits, row, false))
		case hook.KindResult:
			if !b.read(l, PartZ) {
				setZ = union(setZ, b.set(edits, row, false))
			}
		case hook.KindAttnOut:
			if !b.read(l, PartZ) {
				setAttn = b.set(edits, row, false)
			}
		case hook.KindMLPOut:
			if !b.read(l, PartMLP) {
				setMLP = b.set(edits, row, false)
			}
		}
	}
	edits := func(k hook.Kind) []hook.Edit {
		if !v.blocks[l].any {
			return nil
		}
		return v.Edits[hook.ID{Kind: k, Layer: l}]
	}
	var r reach
	r.in = b.after(in, edits(hook.KindResidPre), v, row)
	r.keys = union(r.in, union(parts[PartKeys], parts[PartBoth]))
	r.queries = union(r.in, union(parts[PartQueries], parts[PartBoth]))
	z := r.queries
	if len(r.keys) > 0 {
		first := r.keys[0]
		if v.blocks[l].seesAll {
			first = 0
		}
		z = union(z, Range(first, b.Lens[row]))
	}
	r.attention = minus(z, union(setZ, setAttn))
	z = b.after(z, edits(hook.KindZ), v, row)
	attn := union(b.after(z, edits(hook.KindResult), v, row), parts[PartZ])
	r.inside = union(z, attn)
	attn = b.after(attn, edits(hook.KindAttnOut), v, row)
	mid := union(b.after(union(r.in, attn), edits(hook.KindResidMid), v, row), parts[PartMid])
	out := mid
	if !b.Config.AttnOnly() {
		reads := mid
		if b.Config.Parallel {
			reads = r.in
			if b.Config.SharedNorm {
				reads = union(reads, parts[PartBoth])
			}
		}
		reads = union(reads, parts[PartMLP])
		r.inside = union(r.inside, reads)
		r.mlp = minus(reads, setMLP)
		out = union(mid, b.after(reads, edits(hook.KindMLPOut), v, row))
	}
	r.out = union(b.after(out, edits(hook.KindResidPost), v, row), parts[PartPost])
	return r
}

// read tells whether an activation in a part of a block is captured or measured.
func (b *Batch) read(layer int, part Part) bool {
	return slices.ContainsFunc(b.Points, func(p hook.Point) bool {
		return p.Layer == layer && !p.Kind.Global() && PartOf(b.Config, p.Kind) == part
	})
}

// seesAll tells whether a query may see what comes after it: in an encoder, or
// where an edit writes over the masked part of scores or patterns.
func (b *Batch) seesAll(l int, v Changes) bool {
	if b.Config.Encoder {
		return true
	}
	all := slices.Clone(b.Job.Base.Edits)
	if b.Job.Source != nil {
		all = append(all, b.Job.Source.Edits...)
	}
	for _, k := range []hook.Kind{hook.KindScores, hook.KindPattern} {
		id := hook.ID{Kind: k, Layer: l}
		writes := func(e hook.Edit) bool { return e.ID == id && e.Op != hook.OpScale }
		if slices.ContainsFunc(all, writes) || slices.ContainsFunc(v.Edits[id], func(e hook.Edit) bool {
			return writes(e) && e.Op != hook.OpFreeze && e.Op != hook.OpSource
		}) {
			return true
		}
	}
	return false
}
