package exec

import (
	"cmp"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/place"
	"github.com/golens/golens/model/internal/plan"
)

// sharedInputs are what the queries of a layer see, and how positions turn them, where
// all positions of the input are computed. Layers of a sort share it.
type sharedInputs struct {
	mask     *tensors.Tensor // [1 or batch, query, key]
	cos, sin *tensors.Tensor // [pos, Dim/2] or [batch, pos, Dim/2]; nil if positions do not rotate

	keyCos, keySin *tensors.Tensor // of what a window keeps [batch, pos, Dim/2]
}

// dropShared gives back what layers share, before rows go on to other positions.
func (c *chunk) dropShared() {
	for i, s := range c.shared {
		c.scratch.back(s.mask, s.cos, s.sin, s.keyCos, s.keySin)
		c.shared[i] = sharedInputs{}
	}
}

// sharedOf are those of a layer and others of its sort.
func (c *chunk) sharedOf(layer int) *sharedInputs {
	if c.Config.IsLocal(layer) {
		return &c.shared[1]
	}
	return &c.shared[0]
}

// aligned tells whether all rows compute the same positions and see no past, so
// that one mask and one table serve them.
func (c *chunk) aligned() bool {
	if c.group.Past > 0 || c.cached() {
		return false
	}
	for _, r := range c.rows {
		if r.From != c.rows[0].From {
			return false
		}
	}
	return true
}

// cached tells whether keys and values of earlier positions are in a cache.
func (c *chunk) cached() bool { return c.growth != nil && c.growth.after }

// keys is the length of the key axis: the past and the positions computed, or the
// cache.
func (c *chunk) keys() int {
	if c.cached() {
		return c.growth.size
	}
	return c.group.Past + c.group.Width
}

// around are the inputs of the i-th block's graph after the residual stream.
func (c *chunk) around(i int, f form) (args []any, err error) {
	b := c.rows[0].Blocks[i]
	add := func(t *tensors.Tensor, bad error) { err = cmp.Or(err, c.add(&args)(t, bad)) }
	keep := func(to **tensors.Tensor, make func() (*tensors.Tensor, error)) {
		if *to == nil && err == nil {
			*to, err = make()
		}
		args = append(args, *to)
	}
	into, out := c.into(i), c.out(i)
	rotates := c.Config.Position == config.PosRotary
	if f.attends {
		s := c.sharedOf(b.Layer)
		if f.queries {
			add(c.mask(b.Layer, out))
		} else {
			keep(&s.mask, func() (*tensors.Tensor, error) { return c.mask(b.Layer, out) })
		}
		if rotates {
			keep(&s.cos, func() (*tensors.Tensor, error) { return c.rotation(b.Layer, 0, into) })
			keep(&s.sin, func() (*tensors.Tensor, error) { return c.rotation(b.Layer, 1, into) })
		}
		if f.past {
			add(c.past(hook.ID{Kind: plan.KeyKind(c.Config), Layer: b.Layer}))
			add(c.past(hook.ID{Kind: hook.KindV, Layer: b.Layer}))
		}
		if f.cache == longerCache || f.cache == grownCache {
			kv := c.growth.cache[b.Layer]
			args = append(args, kv.k, kv.v)
		}
		if f.cache == grownCache {
			keep(&c.growth.marks, c.marks)
			if f.window && rotates {
				keep(&s.keyCos, func() (*tensors.Tensor, error) { return c.keyRotation(b.Layer, 0) })
				keep(&s.keySin, func() (*tensors.Tensor, error) { return c.keyRotation(b.Layer, 1) })
			}
		}
		if f.queries {
			add(c.queries(into, out))
			if rotates {
				add(c.rotation(b.Layer, 0, out))
				add(c.rotation(b.Layer, 1, out))
			}
		}
	}
	given := func(p hook.Point) {
		s, bad := c.given(p.ID, out, true)
		add(s.x, bad)
	}
	if f.z {
		given(hook.Z(b.Layer))
	}
	if f.attn {
		given(hook.AttnOut(b.Layer))
	}
	if f.mlp {
		given(hook.MLPOut(b.Layer))
	}
	return args, err
}

// mask lets the queries at some positions of each row see what they may
// [1 or batch, query, key]. What comes before the rows' first positions is in the
// past; in a cache keys lie at their positions.
func (c *chunk) mask(layer int, at func(plan.Row) []int) (*tensors.Tensor, error) {
	window := 0
	if c.Config.IsLocal(layer) {
		window = c.Config.Window
	}
	if c.windowed() {
		return c.windowMask(window)
	}
	rows, q, n, past := c.size, len(at(c.rows[0])), c.keys(), c.group.Past
	if c.aligned() && !c.Config.Encoder && q == c.group.Width {
		rows = 1
	}
	return reuse(c.scratch, func(m []bool) {
		for i := range rows {
			if i >= len(c.rows) { // rows out of use see all, so that no softmax is empty
				for k := range m[i*q*n:][:q*n] {
					m[i*q*n+k] = true
				}
				continue
			}
			r := c.rows[i]
			length := c.Lens[r.Index]
			for j, pos := range at(r) {
				to := m[(i*q+j)*n:][:n]
				for k := range n {
					key := k
					switch {
					case c.cached():
					case k >= past:
						key = r.From + k - past
					case k >= r.From:
						continue
					}
					if c.Config.Encoder {
						to[k] = key < length || pos >= length
					} else {
						to[k] = key <= pos && (window == 0 || pos-key < window)
					}
				}
			}
		}
	}, rows, q, n)
}

// rotation is the cosines (0) or sines (1) of some positions of each row.
func (c *chunk) rotation(layer, which int, at func(plan.Row) []int) (*tensors.Tensor, error) {
	half := c.Config.RotaryOf(layer).Dim / 2
	if c.windowed() {
		at = c.placeInWindow
	}
	most := 0
	for _, r := range c.rows {
		list := at(r)
		most = max(most, list[len(list)-1])
	}
	table := c.rotaryTables(layer, most+1)[which]
	n := len(at(c.rows[0]))
	if c.aligned() && n == c.group.Width {
		return reuse(c.scratch, func(x []float32) { copy(x, table[c.rows[0].From*half:]) }, n, half)
	}
	return reuse(c.scratch, func(x []float32) {
		for i, r := range c.rows {
			for j, pos := range at(r) {
				copy(x[(i*n+j)*half:], table[pos*half:][:half])
			}
		}
	}, c.size, n, half)
}

// queries are the rows of the flat residual stream that are computed.
func (c *chunk) queries(into, out func(plan.Row) []int) (*tensors.Tensor, error) {
	n, q := len(into(c.rows[0])), len(out(c.rows[0]))
	return reuse(c.scratch, func(index []int32) {
		for i, r := range c.rows {
			at := place.List(into(r))
			for j, pos := range out(r) {
				index[i*q+j] = int32(i*n + at(pos))
			}
		}
	}, c.size, q)
}

// past are the base run's keys or values before the first position that runs
// [lane, past, kv_head, d_head].
func (c *chunk) past(id hook.ID) (*tensors.Tensor, error) {
	past, lane, inner := c.group.Past, c.group.Lane, c.Config.KVHeads*c.Config.DHead
	return reuse(c.scratch, func(x []float32) {
		for i := 0; i < len(c.rows); i += lane {
			row := c.rows[i].Index
			n := min(past, c.Lens[row])
			copy(x[i/lane*past*inner:], c.base[id].Values()[row*c.Longest*inner:][:n*inner])
		}
	}, c.size/lane, past, c.Config.KVHeads, c.Config.DHead)
}

// given are values of an activation that another run left, at positions of every
// row [batch, pos, ...]; own has the variants' own edits made on them.
func (c *chunk) given(id hook.ID, at func(plan.Row) []int, own bool) (stream, error) {
	kept := c.base[id]
	n := len(at(c.rows[0]))
	dims := c.Config.Dims(id.Kind, n)
	rowLen, whole := place.Size(dims), place.Size(c.Config.Dims(id.Kind, c.Longest))
	inner := rowLen / max(n, 1)
	x, err := reuse(c.scratch, func(x []float32) {
		for i, r := range c.rows {
			list := at(r)
			to := x[i*rowLen:][:rowLen]
			for j, pos := range list {
				if pos < c.Lens[r.Index] {
					copy(to[j*inner:][:inner], kept.Values()[r.Index*whole+pos*inner:])
				}
			}
			if own && !c.InGraph(r.Variant, id) {
				for _, e := range c.Variants[r.Variant].Edits[id] {
					c.change(to, e, r, dims, place.View{Queries: place.List(list)})
				}
			}
		}
	}, append([]int{c.size}, dims...)...)
	return stream{x, at, c.scratch.back}, err
}

// kept is the activation of a row of the base or the source run that an edit puts
// in place, and its dimensions; no values if the edit brings its own.
func (w *work) kept(e hook.Edit, r plan.Row) (values []float32, dims []int) {
	a, row, longest := (*array.Array)(nil), r.Index, w.Longest
	switch e.Op {
	case hook.OpFreeze:
		a = w.base[e.ID]
	case hook.OpSource:
		a, row, longest = w.source[e.ID], w.Variants[r.Variant].Donors[r.Index], w.Source.Longest
	}
	dims = w.Config.Dims(e.Kind, longest)
	if a == nil {
		return nil, dims
	}
	return a.Values()[row*place.Size(dims):], dims
}

// choose is what an edit selects of a row, and the activation from which its
// values come, if it does not bring them.
func (w *work) choose(e hook.Edit, r plan.Row, dims []int, v place.View) (s place.Selection, kept []float32, ok bool) {
	kept, whole := w.kept(e, r)
	s, ok = place.Select(e.Point, place.Row{Index: r.Index, Len: w.Lens[r.Index]}, dims, whole, v)
	return s, kept, ok
}

// change makes an edit on the values of a row.
func (w *work) change(x []float32, e hook.Edit, r plan.Row, dims []int, v place.View) {
	s, kept, ok := w.choose(e, r, dims, v)
	switch {
	case !ok:
	case kept != nil:
		s.Put(x, kept)
	case e.Op == hook.OpProject:
		n := dims[len(dims)-1]
		u := unit(e.Values, "", n, v)
		last := -1
		s.Spread(e, nil, func(at int, _ float32) {
			if at -= at % n; at != last {
				last = at
				projectOut(x[at:][:n], u)
			}
		})
	default:
		s.Spread(e, nil, func(at int, value float32) {
			switch e.Op {
			case hook.OpAdd:
				x[at] += value
			case hook.OpScale:
				x[at] *= e.Factor
			case hook.OpClamp:
				x[at] = min(max(x[at], e.Lo), e.Hi)
			default:
				x[at] = value
			}
		})
	}
}

func projectOut(x, u []float32) {
	along := float32(0)
	for i, c := range u {
		along += x[i] * c
	}
	for i, c := range u {
		x[i] -= along * c
	}
}
