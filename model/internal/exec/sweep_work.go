package exec

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/arch"
)

// work is one chunk of rows of a group.
type work struct {
	*sweep
	*group
	courses []course // of the rows in use; the batch may be larger
	batch   int
	index   int               // among all chunks of the sweep
	own     []*tensors.Tensor // inputs of the block at work
}

// run does the steps of the chunk and measures what comes of them.
func (w *work) run(ctx context.Context) (err error) {
	w.scratch.serve(w.group)
	var x *tensors.Tensor
	made := false // by a graph, not here
	drop := func(x *tensors.Tensor) {
		if made {
			free(x)
		} else {
			w.scratch.back(x)
		}
	}
	defer func() { drop(x) }()
	have := func(course) []int { return nil }
	if w.courses[0].embed {
		if x, err = w.embed(); err != nil {
			return err
		}
		made = true
		have = func(c course) []int { return upTo(w.longest) }
	}
	for i := range w.courses[0].steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		keys := func(c course) []int { return w.keys(c, i) }
		layer := w.courses[0].steps[i].layer
		if x == nil {
			x, err = w.given(hook.ResidPre(layer).ID, keys, true)
		} else {
			x, err = w.move(x, have, keys, layer-1)
		}
		if err != nil {
			return err
		}
		y, err := w.block(i, x)
		drop(x)
		x, made = y, true
		if err != nil {
			return err
		}
		have = func(c course) []int { return w.outs(c, i) }
	}
	if w.courses[0].final == nil {
		return nil
	}
	final := func(c course) []int { return c.final }
	last := w.Config.Layers - 1
	if x == nil {
		x, err = w.given(hook.ResidPost(last).ID, final, false)
	} else {
		x, err = w.move(x, have, final, last)
	}
	if err != nil {
		return err
	}
	return w.unembed(x)
}

// keys and outs are the positions of a row's i-th step; where attention is
// computed they are as many in every row, past the row's end if need be.
func (w *work) keys(c course, i int) []int {
	if t := c.steps[i]; !t.live {
		return t.keys
	}
	return from(upTo(c.from+w.width), c.from)
}

func (w *work) outs(c course, i int) []int {
	t := c.steps[i]
	if t.live && len(t.outs) == len(t.keys) {
		return w.keys(c, i)
	}
	return t.outs
}

// move takes the residual stream to other positions of each row; those that it
// does not have are the base run's, out of the given layer. It frees x.
func (w *work) move(x *tensors.Tensor, have, want func(course) []int, layer int) (*tensors.Tensor, error) {
	same, fill := true, false
	n, pos := len(want(w.courses[0])), x.Shape().Dimensions[1]
	index, fresh := make([]int32, w.batch*n), make([]bool, w.batch*n)
	for i, c := range w.courses {
		a, b := have(c), want(c)
		same = same && slices.Equal(a, b)
		at := viewOf(a)
		for j, p := range b {
			k := at(p)
			if k < 0 {
				fill = fill || p < w.lens[c.row]
				continue
			}
			index[i*n+j], fresh[i*n+j] = int32(i*pos+k), true
		}
	}
	if same {
		return x, nil
	}
	defer free(x)
	ti, err := w.tensor(index, w.batch, n)
	if err != nil {
		return nil, err
	}
	defer free(ti)
	args, name := []any{x, ti}, "move"
	if fill {
		name = "move and fill"
		tf, err := w.tensor(fresh, w.batch, n)
		if err != nil {
			return nil, err
		}
		defer free(tf)
		other, err := w.given(hook.ResidPost(layer).ID, want, false)
		if err != nil {
			return nil, err
		}
		defer w.scratch.back(other)
		args = append(args, tf, other)
	}
	p, err := w.program(name, moveGraph(fill))
	if err != nil {
		return nil, err
	}
	out, err := call(name, p, args)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// embed runs the embedding of whole rows, edits included.
func (w *work) embed() (*tensors.Tensor, error) {
	ids := make([]int32, w.batch*w.longest)
	for i, c := range w.courses {
		copy(ids[i*w.longest:], w.job.Base.Tokens[c.row])
	}
	t, err := w.tensor(ids, w.batch, w.longest)
	if err != nil {
		return nil, err
	}
	defer free(t)
	all := func(int) view { return view{queries: ranged(0, w.longest)} }
	tp, fill := w.taps(embedIDs, always, always)
	out, err := w.callSite("embed", tp, fill, embedGraph(w.Engine, tp), []any{t}, w.embedNames(), -1, func(k hook.Kind) ([]int, func(int) view) {
		return w.Config.Dims(k, w.longest), all
	})
	if err != nil {
		return nil, err
	}
	return out[0], w.take(out[1:], tp.reads, 0, all, func(k hook.Kind) []int { return w.Config.Dims(k, w.longest) })
}

// taps are the slots and reads at some activations, and the edits of each row
// that fill each slot.
func (w *work) taps(ids []hook.ID, met, happens func(hook.Kind) bool) (*taps, [][][]hook.Edit) {
	t := &taps{}
	var fills [][][]hook.Edit // [slot][row]
	for _, id := range ids {
		if met(id.Kind) && slices.ContainsFunc(w.points, func(p hook.Point) bool { return p.ID == id }) {
			t.reads = append(t.reads, id.Kind)
		}
		if !happens(id.Kind) {
			continue
		}
		slots, _ := slotsOf(w.edits(w.courses[0].variant, id), id)
		first := len(fills)
		t.slots = append(t.slots, slots...)
		fills = append(fills, make([][][]hook.Edit, len(slots))...)
		for _, c := range w.courses {
			_, fill := slotsOf(w.edits(c.variant, id), id)
			for k := range slots {
				fills[first+k] = append(fills[first+k], fill[k])
			}
		}
	}
	return t, fills
}

// callSite calls a graph with its slots filled.
func (w *work) callSite(name string, t *taps, fills [][][]hook.Edit, g graphFn, args []any, weights []string, layer int,
	lies func(hook.Kind) ([]int, func(i int) view)) ([]*tensors.Tensor, error) {
	for _, n := range weights {
		if layer >= 0 {
			n = arch.LayerName(layer, n)
		}
		args = append(args, w.weights[n])
	}
	var own []*tensors.Tensor
	defer func() { w.scratch.back(own...) }()
	for i, sl := range t.slots {
		dims, at := lies(sl.kind)
		values, err := w.fillSlot(sl, fills[i], dims, at)
		if err != nil {
			return nil, err
		}
		for _, x := range values {
			own, args = append(own, x), append(args, x)
		}
	}
	name += " " + t.name()
	p, err := w.program(name, g)
	if err != nil {
		return nil, err
	}
	return call(name, p, args)
}

// block runs the i-th step and takes what is read of it.
func (w *work) block(i int, x *tensors.Tensor) (*tensors.Tensor, error) {
	t := w.courses[0].steps[i]
	start := i == 0 && !w.courses[0].embed
	f := form{live: t.live, past: t.live && w.past > 0, z: t.z, attn: t.attn, mlp: t.mlp}
	f.queries = t.live && len(t.outs) != len(t.keys)
	args, err := w.args(i, f)
	defer func() { w.scratch.back(w.own...); w.own = nil }()
	if err != nil {
		return nil, err
	}
	var ids []hook.ID
	for _, k := range w.kinds {
		ids = append(ids, hook.ID{Kind: k, Layer: t.layer})
	}
	tp, fills := w.taps(ids, func(k hook.Kind) bool { return w.meets(k, t) }, func(k hook.Kind) bool { return w.happens(k, t, start) })
	keysLen := len(w.keys(w.courses[0], i))
	lies := func(k hook.Kind) ([]int, func(int) view) {
		list, n := w.outs, len(w.outs(w.courses[0], i))
		if early(w.Config, k) {
			list, n = w.keys, keysLen
		}
		dims := w.Config.Dims(k, n)
		if partOf(w.Config, k) == partQueries && k.HeadAxis() == 1 { // [head, query, key]
			dims[2] = w.past + keysLen
		}
		return dims, func(j int) view {
			c := w.courses[j]
			return view{queries: viewOf(list(c, i)), keys: func(pos int) int {
				switch {
				case pos < c.from:
					return pos
				case pos < c.from+w.width:
					return w.past + pos - c.from
				}
				return -1
			}}
		}
	}
	out, err := w.callSite(f.name(), tp, fills, suffixGraph(w.Engine, tp, f), append([]any{x}, args...), w.layerNames(), t.layer, lies)
	if err != nil {
		return nil, fmt.Errorf("block %d: %w", t.layer, err)
	}
	at := func(k hook.Kind) (func(int) view, []int) { d, v := lies(k); return v, d }
	for k, kind := range tp.reads {
		v, dims := at(kind)
		if err := w.takeOne(hook.ID{Kind: kind, Layer: t.layer}, out[1+k], v, dims); err != nil {
			free(out...)
			return nil, err
		}
	}
	free(out[1:]...)
	return out[0], nil
}

func always(hook.Kind) bool { return true }

// meets tells whether the graph of a step comes by an activation. What it does
// not come by is as in the base run.
func (w *work) meets(k hook.Kind, t step) bool {
	switch part := partOf(w.Config, k); {
	case part > partIn && part <= partBoth:
		return t.live
	case part == partZ:
		return t.live || t.z
	case part == partMLP:
		return !t.mlp
	}
	return true
}

// happens tells whether edits of an activation are made in the graph: not where
// the activation is not computed, or was given with its edits made.
func (w *work) happens(k hook.Kind, t step, start bool) bool {
	switch part := partOf(w.Config, k); {
	case part == partIn:
		return !start
	case part <= partBoth:
		return t.live || w.Config.Parallel && w.Config.SharedNorm && (k == hook.KindLN1 || k == hook.KindLN1Norm) && !t.mlp
	case k == hook.KindZ:
		return t.live
	case part == partZ:
		return t.live || t.z
	case part == partAttnOut:
		return !t.attn
	case part == partMLP || part == partMLPOut:
		return !t.mlp
	}
	return true
}

// args are the inputs of a block's graph after the residual stream.
func (w *work) args(i int, f form) (args []any, err error) {
	t := w.courses[0].steps[i]
	add := func(x *tensors.Tensor, bad error) {
		if err = cmp.Or(err, bad); x != nil {
			w.own, args = append(w.own, x), append(args, x)
		}
	}
	keys := func(c course) []int { return w.keys(c, i) }
	outs := func(c course) []int { return w.outs(c, i) }
	n, q := len(keys(w.courses[0])), len(outs(w.courses[0]))
	rotary := func(places func(course) []int, n int) {
		if w.Config.Position != config.PosRotary {
			return
		}
		r := w.Config.RotaryOf(t.layer)
		cos, sin := arch.RotaryTables(r, w.longest+w.width)
		half := r.Dim / 2
		for _, table := range [][]float32{cos, sin} {
			add(reuse(w.scratch, func(x []float32) {
				for k, course := range w.courses {
					for j, pos := range places(course) {
						copy(x[(k*n+j)*half:], table[pos*half:][:half])
					}
				}
			}, w.batch, n, half))
		}
	}
	if f.live {
		add(reuse(w.scratch, func(m []bool) { w.mask(m, t.layer, outs, q) }, w.batch, q, w.past+n))
		rotary(keys, n)
		if f.past {
			for _, kind := range []hook.Kind{w.keyKind(), hook.KindV} {
				add(w.pastOf(hook.ID{Kind: kind, Layer: t.layer}))
			}
		}
		if f.queries {
			add(reuse(w.scratch, func(index []int32) {
				for k, c := range w.courses {
					at := viewOf(keys(c))
					for j, pos := range outs(c) {
						index[k*q+j] = int32(k*n + at(pos))
					}
				}
			}, w.batch, q))
			rotary(outs, q)
		}
	}
	if f.z {
		add(w.given(hook.Z(t.layer).ID, outs, true))
	}
	if f.attn {
		add(w.given(hook.AttnOut(t.layer).ID, outs, true))
	}
	if f.mlp {
		add(w.given(hook.MLPOut(t.layer).ID, outs, true))
	}
	return args, err
}

// mask lets each query see what it may [batch, query, past+key].
func (w *work) mask(m []bool, layer int, outs func(course) []int, q int) {
	window := 0
	if w.Config.IsLocal(layer) {
		window = w.Config.Window
	}
	n := w.past + w.width
	for i := range w.batch {
		if i >= len(w.courses) { // rows out of use see all, so that no softmax is empty
			for k := range m[i*q*n:][:q*n] {
				m[i*q*n+k] = true
			}
			continue
		}
		c := w.courses[i]
		for j, pos := range outs(c) {
			to := m[(i*q+j)*n:][:n]
			for k := range n {
				key := k
				if k >= w.past {
					key = c.from + k - w.past
				} else if k >= c.from {
					continue
				}
				switch {
				case w.Config.Encoder:
					to[k] = key < w.lens[c.row] || pos >= w.lens[c.row]
				default:
					to[k] = key <= pos && (window == 0 || pos-key < window)
				}
			}
		}
	}
}

// pastOf are the base run's keys or values before the first position that runs
// [lane, past, kv_head, d_head].
func (w *work) pastOf(id hook.ID) (*tensors.Tensor, error) {
	inner := w.Config.KVHeads * w.Config.DHead
	return reuse(w.scratch, func(x []float32) {
		for i := 0; i < len(w.courses); i += w.slots {
			row := w.courses[i].row
			n := min(w.past, w.lens[row])
			copy(x[i/w.slots*w.past*inner:], w.base[id].Values()[row*w.longest*inner:][:n*inner])
		}
	}, w.batch/w.slots, w.past, w.Config.KVHeads, w.Config.DHead)
}
