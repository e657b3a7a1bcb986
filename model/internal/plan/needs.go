package plan

import (
	"cmp"
	"maps"
	"slices"

	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// used are the activations of the base and of the source run that the groups
// use.
func (b *Batch) used(groups []*Group) (base, source []hook.Point) {
	ids := [2]map[hook.ID]bool{{}, {}}
	add := func(k hook.Kind, layer int) { ids[0][hook.ID{Kind: k, Layer: layer}] = true }
	for _, p := range b.Points {
		add(p.Kind, p.Layer)
	}
	for _, v := range b.Variants {
		for id, edits := range v.Edits {
			for _, e := range edits {
				switch e.Op {
				case hook.OpFreeze:
					ids[0][id] = true
				case hook.OpSource:
					ids[1][id] = true
				case hook.OpCompute:
					ids[0][id] = ids[0][id] || e.Formula.Has(formula.OpBase)
					ids[1][id] = ids[1][id] || e.Formula.Has(formula.OpSource)
				}
			}
		}
	}
	last := b.Config.Layers - 1
	for _, g := range groups {
		for _, c := range g.Rows {
			var have []int
			for i, t := range c.Blocks {
				switch {
				case i == 0 && !c.Embeds:
					add(hook.KindResidPre, t.Layer)
				case i > 0 && !contains(have, b.taken(g, c, t)):
					add(hook.KindResidPost, t.Layer-1)
				}
				if t.Attends && g.Past > 0 {
					add(KeyKind(b.Config), t.Layer)
					add(hook.KindV, t.Layer)
				}
				if t.GivenZ {
					add(hook.KindZ, t.Layer)
				}
				if t.GivenAttn {
					add(hook.KindAttnOut, t.Layer)
				}
				if t.GivenMLP {
					add(hook.KindMLPOut, t.Layer)
				}
				have = t.Out
			}
			if !contains(have, c.Final) {
				add(hook.KindResidPost, last)
			}
		}
	}
	for _, m := range ids {
		maps.DeleteFunc(m, func(_ hook.ID, used bool) bool { return !used })
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
func (b *Batch) taken(g *Group, c Row, t Block) []int {
	if !t.Attends {
		return t.In
	}
	return Range(c.From, min(c.From+g.Width, b.Lens[c.Index]))
}

// SourceUntil is how many blocks the source runs: up to the last that something
// reads.
func (b *Batch) SourceUntil() int { return b.until(b.Job.Source, b.Needs.Source) }

// BaseUntil is how many the base runs.
func (b *Batch) BaseUntil() int { return b.until(&b.Job.Base, slices.Concat(b.Needs.Base, b.Points)) }

func (b *Batch) until(job *Job, needs []hook.Point) int {
	if len(job.Metrics) > 0 {
		return b.Layers
	}
	n := 0
	for _, p := range slices.Concat(job.Kept(), needs) {
		switch {
		case Final(p.Kind):
			return b.Layers
		case !p.Kind.Global():
			n = max(n, p.Layer+1)
		}
	}
	return n
}
