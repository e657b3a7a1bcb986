package exec

import (
	"context"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/plan"
)

// rows is a chunk of rows that grow side by side: one call on the prompts, then
// for every token one call on one position of each row.
//
// They lie as rows of a sweep's work do: a row is a course that computes the
// positions from its first one on, as many as the others.
type rows struct {
	*work
	gen   *generation
	step  int    // tokens chosen so far
	ended []bool // rows that are done; until they leave they are computed on, and nothing is taken of them
	cache []cache
	size  int // positions of the cache
	sees  [2]*sight
	marks *tensors.Tensor // [batch, pos]: the places in the cache of the positions computed
}

// cache is a block's keys and values [batch, kv_head, pos, d_head].
type cache struct{ k, v *tensors.Tensor }

func (g *generation) rows(in []int, batch int) *rows {
	s := &sweep{Engine: g.Engine, job: plan.Sweep{Base: plan.Job{Edits: g.job.Edits}}, lens: g.lens, longest: g.longest + g.job.New,
		variants: make([]variant, 1), points: g.job.Captures, scratch: newScratch(g.Engine)}
	r := &rows{work: &work{sweep: s, group: &group{width: g.width()}, batch: batch}, gen: g, ended: make([]bool, len(in)),
		cache: make([]cache, g.Config.Layers)}
	for _, row := range in {
		r.courses = append(r.courses, course{row: row})
	}
	return r
}

// run adds all tokens.
func (r *rows) run(ctx context.Context) error {
	defer func() {
		for _, c := range r.cache {
			free(c.k, c.v)
		}
		r.scratch.close()
	}()
	for r.step < r.gen.job.New && slices.Contains(r.ended, false) {
		if r.step > 0 {
			if err := r.leave(); err != nil {
				return err
			}
			if err := r.grow(); err != nil {
				return err
			}
		}
		if err := r.next(ctx); err != nil {
			return err
		}
	}
	return nil
}

// next computes the positions that nothing was computed for, and adds a token.
func (r *rows) next(ctx context.Context) error {
	defer func() {
		for i, s := range r.sees {
			if s != nil {
				free(s.mask, s.cos, s.sin)
			}
			r.sees[i] = nil
		}
		free(r.marks)
		r.marks = nil
	}()
	x, err := r.embed()
	for l := 0; l < r.Config.Layers && err == nil; l++ {
		if err = ctx.Err(); err != nil {
			break
		}
		before := x
		x, err = r.block(l, x)
		free(before)
	}
	if err == nil {
		x, err = r.move(x, r.places, r.unembedded, r.Config.Layers-1)
	}
	defer free(x)
	if err != nil {
		return err
	}
	return r.unembed(x)
}

// places are the positions of a row that a call computes, past its end too.
func (r *rows) places(c course) []int { return from(upTo(c.from+r.width), c.from) }

// unembedded are those whose logits are computed: the last of the row, if
// nobody reads others.
func (r *rows) unembedded(c course) []int {
	if slices.ContainsFunc(r.points, func(p hook.Point) bool { return finals[p.Kind] && !plan.EachStep(p) }) {
		return r.places(c)
	}
	return []int{r.lens[c.row] - 1}
}

// at is where the positions of a list lie in a tensor, for each course; those
// past the end of its row are nowhere.
func (r *rows) at(list func(course) []int) func(int) view {
	return func(i int) view {
		c := r.courses[i]
		n, place := r.lens[c.row], viewOf(list(c))
		return view{keys: func(pos int) int { return pos }, queries: func(pos int) int {
			if pos < 0 || pos >= n {
				return -1
			}
			return place(pos)
		}}
	}
}

// embed is the residual stream of the positions to compute.
func (r *rows) embed() (*tensors.Tensor, error) {
	ids, places := make([]int32, r.batch*r.width), make([]int32, r.batch*r.width)
	for i, c := range r.courses {
		tokens := r.gen.out.Tokens[c.row]
		copy(ids[i*r.width:][:r.width], tokens[c.from:])
		for j, pos := range r.places(c) {
			places[i*r.width+j] = int32(pos)
		}
	}
	args, own, err := r.inputs(nil, ids, places)
	defer func() { free(own...) }()
	if err != nil {
		return nil, err
	}
	t, fills := r.taps(embedIDs, always, always)
	lies := r.lies(r.places)
	out, err := r.callSite("embed places", t, fills, embedPlacesGraph(r.Engine, t), args, r.embedNames(), -1, lies)
	if err != nil {
		return nil, err
	}
	return out[0], r.takeSteps(out[1:], t.reads, 0, lies)
}

// inputs appends values [batch, width] to the arguments of a call.
func (r *rows) inputs(args []any, values ...any) (_ []any, own []*tensors.Tensor, err error) {
	for _, v := range values {
		t, err := r.tensor(v, r.batch, r.width)
		if err != nil {
			return nil, own, err
		}
		own, args = append(own, t), append(args, t)
	}
	return args, own, nil
}

// lies are the axes of an activation at the positions of a list, and where they
// lie.
func (r *rows) lies(list func(course) []int) func(hook.Kind) ([]int, func(int) view) {
	return func(k hook.Kind) ([]int, func(int) view) {
		dims := r.Config.Dims(k, len(list(r.courses[0])))
		if k.Axes()[len(dims)] == hook.Key {
			dims[len(dims)-1] = r.keys()
		}
		return dims, r.at(list)
	}
}

// keys is the length of the key axis: the prompts' positions, then the cache's.
func (r *rows) keys() int {
	if r.step == 0 {
		return r.width
	}
	return r.size
}

// block runs a block and keeps its keys and values.
func (r *rows) block(l int, x *tensors.Tensor) (*tensors.Tensor, error) {
	s, err := r.sight(l)
	if err != nil {
		return nil, err
	}
	args := []any{x, s.mask}
	if s.cos != nil {
		args = append(args, s.cos, s.sin)
	}
	first := r.step == 0
	name, old := "grow first", r.cache[l]
	if !first {
		if err := r.mark(); err != nil {
			return nil, err
		}
		name, args = "grow", append(args, old.k, old.v, r.marks)
	}
	t, fills := r.taps(r.gen.ids[l], always, always)
	lies := r.lies(r.places)
	out, err := r.callSite(name, t, fills, growGraph(r.Engine, t, first), args, r.layerNames(), l, lies)
	if err != nil {
		return nil, fmt.Errorf("block %d: %w", l, err)
	}
	free(old.k, old.v)
	r.cache[l] = cache{out[1], out[2]}
	return out[0], r.takeSteps(out[3:], t.reads, l, lies)
}

// mark marks the places in the cache of the positions computed.
func (r *rows) mark() (err error) {
	if r.marks != nil {
		return nil
	}
	own := make([]bool, r.batch*r.size)
	for i, c := range r.courses {
		own[i*r.size+c.from] = true
	}
	r.marks, err = r.tensor(own, r.batch, r.size)
	return err
}

// sight is what queries of a layer see, and how positions turn them; layers of
// a sort share it.
func (r *rows) sight(l int) (*sight, error) {
	which, window := r.gen.which(l), 0
	if which == 1 {
		window = r.Config.Window
	}
	if r.sees[which] != nil {
		return r.sees[which], nil
	}
	s := &sight{}
	r.sees[which] = s
	mask, lead := causal(r.width, window), 1
	if r.step > 0 {
		mask, lead = r.seen(window), r.batch
	}
	var err error
	if s.mask, err = r.tensor(mask, lead, r.width, r.keys()); err != nil || r.Config.Position != config.PosRotary {
		return s, err
	}
	half := r.Config.RotaryOf(l).Dim / 2
	for i, table := range r.gen.tables[which] {
		values := make([]float32, r.batch*r.width*half)
		for k, c := range r.courses {
			copy(values[k*r.width*half:], table[c.from*half:][:r.width*half])
		}
		t, err := r.tensor(values, r.batch, r.width, half)
		if err != nil {
			return s, err
		}
		if i == 0 {
			s.cos = t
		} else {
			s.sin = t
		}
	}
	return s, nil
}

// seen lets the one query of each row see the keys up to itself, as far as a
// window reaches [batch, 1, key]. Rows out of use see all, so that no softmax
// is empty.
func (r *rows) seen(window int) []bool {
	m := make([]bool, r.batch*r.size)
	for i := range m {
		m[i] = true
		if row := i / r.size; row < len(r.courses) {
			key, pos := i%r.size, r.courses[row].from
			m[i] = key <= pos && (window == 0 || pos-key < window)
		}
	}
	return m
}

// grow makes room in the cache for the positions that come.
func (r *rows) grow() error {
	need := 0
	for i := range r.courses {
		c := &r.courses[i]
		c.from = r.lens[c.row] - 1
		need = max(need, r.lens[c.row])
	}
	switch {
	case r.step == 1: // from the prompts' width to one of the sizes that all caches have
		r.size, r.width = r.width, 1
	case r.size >= need:
		return nil
	}
	size := r.gen.room(max(need, r.size))
	if size == r.size {
		return nil
	}
	p, err := r.program(fmt.Sprint("room ", size), roomGraph(size))
	if err != nil {
		return err
	}
	for l, c := range r.cache {
		out, err := call("room", p, []any{c.k, c.v})
		if err != nil {
			return err
		}
		free(c.k, c.v)
		r.cache[l] = cache{out[0], out[1]}
	}
	r.size = size
	return nil
}

// unembed computes logits and adds a token to each row.
func (r *rows) unembed(x *tensors.Tensor) error {
	t, fills := r.taps(finalIDs, always, always)
	lies := r.lies(r.unembedded)
	out, err := r.callSite("unembed", t, fills, unembedGraph(r.Engine, t, false, true), []any{x}, r.finalNames(), -1, lies)
	if err != nil {
		return err
	}
	if err := r.takeSteps(out[1:], t.reads, 0, lies); err != nil {
		free(out[0])
		return err
	}
	defer free(out[0])
	var bad error
	err = tensors.ConstFlatData(out[0], func(flat []float32) { bad = r.choose(flat, r.at(r.unembedded)) })
	if err != nil {
		return err
	}
	return bad
}

// choose adds to each row the token that its last logits lead to.
func (r *rows) choose(logits []float32, at func(int) view) error {
	vocab := r.Config.Vocab
	n := len(logits) / vocab / r.batch
	r.step++
	added := 0
	for i, c := range r.courses {
		if r.ended[i] {
			continue
		}
		k := i*n + at(i).queries(r.lens[c.row]-1)
		token, end, err := r.gen.job.Choose(c.row, logits[k*vocab:][:vocab])
		if err != nil {
			return err
		}
		r.gen.out.Tokens[c.row] = append(r.gen.out.Tokens[c.row], token)
		r.lens[c.row]++
		added++
		if r.ended[i] = end; end {
			added += r.gen.job.New - r.step // that will not come
		}
	}
	r.gen.done(added)
	return nil
}
