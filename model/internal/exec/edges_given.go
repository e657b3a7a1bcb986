package exec

import (
	"cmp"
	"context"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/plan"
)

// A headRun is what a key-value head's heads wrote where some edges were cut.
type headRun struct {
	edges string    // as [plan.HeadCut] names them
	wrote []float32 // [head, row, pos, d_model], less the reference
}

// give finds the heads that do the same in all variants of the list, in the layer in
// which they start, and what they write: as in the base run where nothing is cut of
// them, as in a run of these rows alone, which is kept, where the other variants of
// the job cut the same.
func (w *cutting) give(ctx context.Context) error {
	if w.start >= w.Layers {
		return nil
	}
	cuts := w.HeadCuts(w.list, w.start)
	if cuts == nil {
		return nil
	}
	w.base.heads.Lock()
	defer w.base.heads.Unlock()
	known := w.base.headsOf(w.start)
	if slices.ContainsFunc(w.readHeads(), func(h int) bool {
		return cuts[h].Alike && cuts[h].Edges != "" && known[h].edges != cuts[h].Edges && w.Common[w.start] != nil && w.Common[w.start][h].Alike
	}) {
		if err := w.runHeads(ctx, cuts, known); err != nil {
			return err
		}
	}
	given := make([]bool, w.KVHeads)
	for h, c := range cuts {
		given[h] = c.Alike && (c.Edges == "" || known[h].edges == c.Edges)
	}
	heads, _ := w.Computed(w.uses, w.start, given)
	for _, h := range heads { // some more than needed, perhaps
		given[h] = false
	}
	if !slices.Contains(given, true) {
		return nil
	}
	w.given = given
	return w.stackGiven(cuts, known)
}

// headsOf are the runs that were kept of a layer's key-value heads.
func (r *traced) headsOf(layer int) map[int]headRun {
	if h := &r.heads; h.of == nil || h.layer != layer {
		h.of, h.layer = map[int]headRun{}, layer
	}
	return r.heads.of
}

// readHeads are the key-value heads of the layer of which something comes in the first
// variant. Others run as if nothing were cut of them.
func (w *cutting) readHeads() (heads []int) {
	live, each := w.Uses[w.list[0]].Live[w.Group(w.start + 1)[0]:], w.Heads/w.KVHeads
	for h := range w.KVHeads {
		if slices.Contains(live[h*each:][:each], true) {
			heads = append(heads, h)
		}
	}
	return heads
}

// runHeads runs all heads of the layer on these rows, as the first variant cuts them, and
// keeps those that are read.
func (w *cutting) runHeads(ctx context.Context, cuts []plan.HeadCut, known map[int]headRun) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	one := w.edges.cutting(w.rows, w.list[:1], 1, w.base, func(int, plan.Row, float64) {})
	defer one.close()
	all, l := hook.UpTo(w.KVHeads), w.start
	f := cutForm{attention: one.uses.Any(2 * l), part: true, heads: len(all), without: true, writes: true,
		reference: w.base.reference.writes(), ends: one.atEnd(l)}
	more, err := one.inputs(&f, l, all, false)
	if err != nil {
		return err
	}
	y, groups, _, err := one.block(one.chunk, l, w.base.resid[l], f, more)
	free(y)
	defer free(groups...)
	if err != nil {
		return err
	}
	return tensors.ConstFlatData(groups[0], func(x []float32) {
		n := len(x) / w.KVHeads
		for _, h := range w.readHeads() {
			known[h] = headRun{cuts[h].Edges, slices.Clone(x[h*n : (h+1)*n])}
		}
	})
}

// stackGiven is what all heads that are given wrote [head, row, pos, d_model], zeros in
// place of the others.
func (w *cutting) stackGiven(cuts []plan.HeadCut, known map[int]headRun) error {
	group, err := w.base.groups[w.start+1], error(nil)
	if w.atEnd(w.start) {
		if group, err = w.atEnds(group); err != nil {
			return err
		}
		defer w.giveBack()
	}
	d := slices.Clone(group.Shape().Dimensions)
	d[0] = w.Heads
	var bad error
	w.beside, err = over(w.scratch, func(to []float32) {
		n := len(to) / w.KVHeads
		bad = tensors.ConstFlatData(group, func(base []float32) {
			for h, given := range w.given {
				switch to := to[h*n : (h+1)*n]; {
				case !given:
					clear(to)
				case cuts[h].Edges == "":
					copy(to, base[h*n:])
				default:
					copy(to, known[h].wrote)
				}
			}
		})
	}, d...)
	return cmp.Or(err, bad)
}

// givenSenders are the heads of the stack by their number among senders, -1 those that
// are not given.
func (w *cutting) givenSenders() []int {
	senders := slices.Clone(w.Group(w.start + 1)[:w.Heads])
	for i := range senders {
		if !w.given[i*w.KVHeads/w.Heads] {
			senders[i] = -1
		}
	}
	return senders
}

// shared is at least the first n senders of the base run side by side, as they are kept
// for all variants.
func (w *cutting) shared(n int, ends bool) (t *tensors.Tensor, err error) {
	size, sides := w.StackSize(n), &w.base.sides
	sides.Lock()
	defer sides.Unlock()
	s := sides.of[size]
	if s.whole == nil {
		if s.whole, err = w.firstSenders(size); err != nil {
			free(s.whole)
			return nil, err
		}
	}
	if t = s.whole; ends {
		if s.ends == nil {
			s.ends, err = w.ended(s.whole)
		}
		t = s.ends
	}
	if sides.of == nil {
		sides.of = map[int]side{}
	}
	sides.of[size] = s
	return t, err
}

// firstSenders are the first n senders of the base run [sender, row, pos, d_model].
func (w *cutting) firstSenders(n int) (*tensors.Tensor, error) {
	var bad error
	d := slices.Clone(w.base.groups[0].Shape().Dimensions)
	d[0] = n
	t, err := fill(w.Engine, func(to []float32) {
		for _, group := range w.base.groups {
			bad = cmp.Or(bad, tensors.ConstFlatData(group, func(from []float32) { to = to[copy(to, from):] }))
		}
	}, d...)
	return t, cmp.Or(err, bad)
}
