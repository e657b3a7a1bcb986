package exec

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/internal/plan"
)

// A GenerateOutcome is what a generation gave.
type GenerateOutcome struct {
	Tokens   [][]int32 // prompts and what was added
	Captures []*array.Array
}

// ExplainGeneration is what a generation costs that gives back so many bytes.
func (e *Engine) ExplainGeneration(job plan.Generation, kept int64) plan.PassCost {
	return plan.NewGrowth(e.machine(), job).Cost(kept)
}

// Generate does a generation. It stops with the context's error between two
// blocks.
func (e *Engine) Generate(ctx context.Context, job plan.Generation) (*GenerateOutcome, error) {
	held, err := e.hold(job.Edits, nil)
	if err != nil {
		return nil, err
	}
	defer held.release()
	g := &generation{held: held, Growth: plan.NewGrowth(e.machine(), job), job: job, out: &GenerateOutcome{}}
	for _, row := range job.Tokens {
		g.out.Tokens = append(g.out.Tokens, slices.Clone(row))
	}
	g.prompts = slices.Clone(g.Lens)
	for _, p := range job.Captures {
		g.out.Captures = append(g.out.Captures, g.answer(p))
	}
	err = each(ctx, g.Groups(), g.Workers, func(ctx context.Context, group *plan.Group) error {
		c := g.chunk(e, group)
		defer c.scratch.close()
		defer c.close()
		defer c.growth.free()
		return c.grow(ctx)
	})
	if err != nil {
		return nil, err
	}
	for i, p := range job.Captures {
		g.out.Captures[i] = g.settle(p, g.out.Captures[i])
	}
	return g.out, nil
}

// generation is what the chunks of a generation share.
type generation struct {
	plan.Growth
	held    *held
	job     plan.Generation
	out     *GenerateOutcome
	prompts []int // tokens of each prompt; Lens are those of each row now, of which a chunk reads and writes its own alone

	mu sync.Mutex // of job.Done
}

// growth is a chunk that grows: one call on the prompts, then for every token one
// call on one position of each row.
type growth struct {
	*generation
	step  int    // tokens chosen so far
	ahead bool   // a piece of the prompts is computed, and nothing is chosen
	after bool   // earlier positions are in the cache
	ended []bool // rows that are done; until they leave they are computed on, and nothing is taken of them
	cache []cache
	size  int             // positions of the cache, those at work included
	marks *tensors.Tensor // [batch, pos]: the places in the cache of the positions computed
	spans []span          // of each row, what a window keeps of it; nil without a window
}

// cache is a block's keys and values [batch, kv_head, pos, d_head].
type cache struct{ k, v *tensors.Tensor }

func (g *generation) chunk(e *Engine, group *plan.Group) *chunk {
	rows := group.Chunks[0]
	own := &growth{generation: g, ended: make([]bool, len(rows.Rows)), cache: make([]cache, g.Layers)}
	w := &work{held: g.held, Engine: e, Batch: g.Batch, tokens: g.out.Tokens, captures: g.job.Captures, scratch: newScratch(e)}
	c := w.newChunk(group, rows)
	c.growth = own
	w.to = c.toStep
	return c
}

// keep takes the keys and values that a block gave in place of those it was
// given.
func (g *growth) keep(layer int, k, v *tensors.Tensor) {
	free(g.cache[layer].k, g.cache[layer].v)
	g.cache[layer] = cache{k, v}
}

func (g *growth) free() {
	for _, c := range g.cache {
		free(c.k, c.v)
	}
}

// grow adds all tokens.
func (c *chunk) grow(ctx context.Context) error {
	g := c.growth
	if err := c.lookAhead(ctx); err != nil {
		return err
	}
	for g.step < g.New && slices.Contains(g.ended, false) {
		if g.step > 0 {
			if err := c.leave(); err != nil {
				return err
			}
			if err := c.makeRoom(); err != nil {
				return err
			}
		}
		for i := range c.rows {
			r := &c.rows[i]
			r.Final = g.Unembedded(r.From, g.Lens[r.Index])
		}
		if err := c.advance(ctx); err != nil {
			return err
		}
	}
	return nil
}

// lookAhead computes the keys and values of long prompts a piece at a time, but for the
// last, at which each row's first token is chosen.
func (c *chunk) lookAhead(ctx context.Context) error {
	g := c.growth
	n := g.Ahead(c.rows)
	to := func(from, width int) {
		c.group.Width, g.size = width, from+width
		for i := range c.rows {
			c.rows[i].From, c.rows[i].Final = from, nil
		}
	}
	g.ahead = true
	for from := 0; from < n; from += plan.Piece {
		to(from, plan.Piece)
		if err := c.advance(ctx); err != nil {
			return err
		}
	}
	g.ahead = false
	to(n, g.Rest(c.rows, n))
	return nil
}

// advance computes the positions at which rows are.
func (c *chunk) advance(ctx context.Context) error {
	g := c.growth
	err := c.forward(ctx)
	c.dropShared()
	c.scratch.back(g.marks)
	g.marks, g.after = nil, true
	return err
}

// marks marks the places in the cache of the positions computed.
func (c *chunk) marks() (*tensors.Tensor, error) {
	return reuse(c.scratch, func(own []bool) {
		for i, r := range c.rows {
			own[i*c.growth.size+c.slot(i, r)] = true
		}
	}, c.size, c.growth.size)
}

// makeRoom has rows go on at their last positions, and makes room in the cache for
// them.
func (c *chunk) makeRoom() error {
	g := c.growth
	need := 0
	for i := range c.rows {
		n := g.Lens[c.rows[i].Index]
		c.rows[i].From = n - 1
		need = max(need, n)
	}
	if g.Window != nil {
		need = 0
		g.advance(c.rows)
	}
	switch {
	case g.step == 1: // from the prompts' width to one of the sizes that all caches have
		c.group.Width = 1
	case g.size >= need:
		return nil
	}
	size := g.Room(max(need, g.size))
	if size == g.size {
		return nil
	}
	p, err := c.program(fmt.Sprint("room ", size), roomGraph(size))
	if err != nil {
		return err
	}
	for l, kv := range g.cache {
		out, err := call("room", p, []any{kv.k, kv.v})
		if err != nil {
			return err
		}
		g.keep(l, out[0], out[1])
	}
	g.size = size
	return nil
}

// addTokens adds to each row the token that its last logits lead to.
func (c *chunk) addTokens(logits []float32) error {
	g, f := c.growth, c.final
	vocab := c.Config.Vocab
	g.step++
	added := 0
	for i, r := range c.rows {
		if g.ended[i] {
			continue
		}
		last := f.starts[i] + len(f.lists[i]) - 1
		token, end, err := g.job.Choose(r.Index, logits[last*vocab:][:vocab])
		if err != nil {
			return err
		}
		g.out.Tokens[r.Index] = append(g.out.Tokens[r.Index], token)
		g.Lens[r.Index]++
		added++
		if g.ended[i] = end; end {
			added += g.New - g.step // that will not come
		}
	}
	g.done(added)
	return nil
}

// done tells of tokens that were added.
func (g *generation) done(tokens int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.job.Done != nil {
		g.job.Done(tokens)
	}
}

// compileWork is how many multiplications XLA does on a CPU while it compiles
// the graphs of one more batch: two seconds' worth.
var compileWork = 2e10

// fewer is the batch that is left when so many of its rows are not at their end,
// with steps to come: the same, unless a smaller one pays. XLA's are halves, so
// that few graphs are compiled. On an accelerator no batch is smaller: its step
// takes as long, until hundreds of rows.
func (e *Engine) fewer(batch, live, steps int) int {
	if e.Backend.Go() {
		if batch > plan.RowsPerStep && 2*live <= batch {
			return live
		}
		return batch
	}
	size := batch
	for 2*live <= size {
		size = (size + 1) / 2
	}
	saved := float64(batch-size) * float64(steps) * float64(e.Config.Params())
	if e.Backend.Name != "xla:cpu" || saved < compileWork {
		return batch
	}
	return size
}

// leave takes rows that have ended out of the batch, where that pays.
func (c *chunk) leave() error {
	g := c.growth
	var live []int
	for i, ended := range g.ended {
		if !ended {
			live = append(live, i)
		}
	}
	size := c.fewer(c.size, len(live), g.New-g.step)
	if size == c.size {
		return nil
	}
	index := make([]int32, size) // rows out of use are copies of row 0
	rows := make([]plan.Row, len(live))
	for to, from := range live {
		index[to], rows[to] = int32(from), c.rows[from]
		if g.spans != nil {
			g.spans[to] = g.spans[from] // to <= from
		}
	}
	at, err := c.tensor(index, size, 1)
	if err != nil {
		return err
	}
	defer free(at)
	p, err := c.program("leave", leaveGraph)
	if err != nil {
		return err
	}
	for l, kv := range g.cache {
		out, err := call("leave", p, []any{at, kv.k, kv.v})
		if err != nil {
			return err
		}
		g.keep(l, out[0], out[1])
	}
	c.rows, c.size, g.ended = rows, size, make([]bool, len(live))
	return nil
}
