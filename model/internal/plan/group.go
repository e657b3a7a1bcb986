package plan

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/crew"
)

// A Group is rows that the same graphs run, whichever variant they are of, cut
// into chunks.
type Group struct {
	Rows   []Row
	Width  int // positions of blocks that compute attention; 0 if none does
	Past   int // earlier positions, whose keys and values are the base run's
	Batch  int // rows of a chunk
	Lane   int // rows of a chunk that share a past, one after another
	Chunks []Chunk
}

// A Chunk is rows that run side by side, in tensors of Size rows.
type Chunk struct {
	Rows []Row
	Size int
}

// defaultBudget is what a sweep may hold if it does not say.
const defaultBudget = 4 << 30

// Sweep finds what every row of every variant must run, sorts the rows into
// groups, and says what that costs.
func (b *Batch) Sweep() ([]*Group, Cost, error) {
	var p Cost
	b.common = !b.Exact
	byKey := map[string][]Row{}
	for v, rows := range b.rows() {
		p.Rows += len(rows)
		p.Same += len(b.Variants[v].Rows) - len(rows)
		for _, c := range rows {
			byKey[c.key] = append(byKey[c.key], c)
		}
	}
	budget := b.Job.Budget
	if budget == 0 {
		budget = defaultBudget
	}
	var groups []*Group
	for _, alike := range byKey {
		for i, rows := range b.split(alike) {
			width := rows[0].End - rows[0].From // the widest
			if i == 0 {
				width = b.round(width)
			}
			groups = append(groups, b.group(rows, width))
		}
	}
	slices.SortFunc(groups, func(g, h *Group) int {
		x, y := g.Rows[0], h.Rows[0]
		return cmp.Or(cmp.Compare(g.layer(b.Config), h.layer(b.Config)), cmp.Compare(x.From, y.From), cmp.Compare(x.Variant, y.Variant), cmp.Compare(x.Index, y.Index))
	})
	b.Needs.Base, b.Needs.Source = b.used(groups)
	held := b.held()
	workers := int64(b.Workers)
	passes := b.passBytes(0)
	for b.Most = max(len(b.Lens), len(b.Source.Each)); b.Most > 1 && held+passes > budget; {
		b.Most = (b.Most + 1) / 2
		passes = b.passBytes(b.Most)
	}
	most := int64(0)
	for _, g := range groups {
		if held+b.bytes(g, 1) > budget {
			return nil, p, fmt.Errorf("sweep: one row of one variant needs %.1f MB, %.1f MB of it for what the base run leaves and for captures; the budget is %.1f MB",
				float64(held+b.bytes(g, 1))/1e6, float64(held)/1e6, float64(budget)/1e6)
		}
		for g.Batch > 1 && held+workers*b.bytes(g, g.Batch) > budget {
			g.Batch = (g.Batch + 1) / 2
		}
		b.cut(g)
		c := g.Rows[0]
		seen := map[int]bool{}
		for _, c := range g.Rows {
			seen[c.Variant] = true
		}
		flops := b.flops(g) * int64(len(g.Chunks))
		bytes := b.bytes(g, g.Batch)
		most = max(most, min(workers, int64(len(g.Chunks)))*bytes)
		p.FLOPs += flops
		p.Groups = append(p.Groups, GroupCost{Layer: g.layer(b.Config), Position: c.position(), Start: c.start(), Variants: len(seen),
			Rows: len(g.Rows), Chunks: len(g.Chunks), FLOPs: flops, Memory: bytes})
	}
	if held+passes > budget {
		return nil, p, fmt.Errorf("sweep: the base run by single rows needs %.1f MB, %.1f MB of it for what it leaves and for captures; the budget is %.1f MB",
			float64(held+passes)/1e6, float64(held)/1e6, float64(budget)/1e6)
	}
	p.Memory = held + max(most, passes)
	p.Base = b.pass(b.Job.Base, b.Job.Base.Edits, b.BaseUntil(), len(b.Lens), b.Longest)
	p.Naive = 0
	for i, v := range b.Variants {
		p.Naive += b.pass(b.Job.Base, b.editsOfVariant(i), b.Config.Layers, len(v.Rows), b.Longest)
	}
	if b.Job.Source != nil {
		p.Base += b.pass(*b.Job.Source, b.Job.Source.Edits, b.SourceUntil(), len(b.Source.Each), b.Source.Longest)
	}
	return groups, p, nil
}

// rows are those of every variant that something changes. Sweeps of many small
// runs take long to plan, so processors share the variants.
func (b *Batch) rows() [][]Row {
	all := make([][]Row, len(b.Variants))
	var next atomic.Int64
	var wg crew.Group
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for v := next.Add(1) - 1; v < int64(len(all)); v = next.Add(1) - 1 {
				for _, index := range b.Variants[v].Rows {
					if r, ok := b.row(int(v), index); ok {
						r.key = b.key(r)
						all[v] = append(all[v], r)
					}
				}
			}
		})
	}
	wg.Wait()
	return all
}

func (g *Group) layer(c config.Config) int {
	if len(g.Rows[0].Blocks) == 0 {
		return c.Layers
	}
	return g.Rows[0].Blocks[0].Layer
}

func (c Row) position() int {
	if len(c.Blocks) > 0 {
		return c.Blocks[0].In[0]
	}
	return c.Final[0]
}

// start names what the row starts from.
func (c Row) start() string {
	switch {
	case c.Embeds:
		return "embed"
	case len(c.Blocks) == 0:
		return "resid_post"
	case c.Blocks[0].Attends:
		return "resid_pre"
	case c.Blocks[0].GivenZ:
		return "z"
	case c.Blocks[0].GivenMLP:
		return "mlp_out"
	}
	return "attn_out"
}

// round rounds a number of positions up where graphs take long to compile.
func (b *Batch) round(n int) int {
	if b.Exact {
		return n
	}
	return min(roundRows(n), b.Longest)
}

// widthWork is what must be saved for rows to have a width of their own: about what
// compiling its graphs takes on two cores.
const widthWork = 2e11

// split cuts rows, whose widths round to the same, where computing fewer positions
// saves more than compiling takes. The widest come first.
func (b *Batch) split(rows []Row) (all [][]Row) {
	position := int64(0)
	for _, t := range rows[0].Blocks {
		if t.Attends {
			position += blockFlops(b.Config, t, 1, 1, 1, 0)
		}
	}
	width := func(r Row) int { return r.End - r.From }
	slices.SortStableFunc(rows, func(x, y Row) int { return width(y) - width(x) })
	wide := b.round(width(rows[0]))
	from := 0
	for i, r := range rows {
		if saved := int64(len(rows)-i) * int64(wide-width(r)) * position; i > from && width(r) < width(rows[i-1]) && saved > widthWork {
			all, from, wide = append(all, rows[from:i]), i, width(r)
		}
	}
	return append(all, rows[from:])
}

func (b *Batch) group(rows []Row, width int) *Group {
	slices.SortStableFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Variant, b.Variant))
	})
	g := &Group{Rows: rows}
	tokens := len(rows[0].Final)
	for i := range rows {
		c := &rows[i]
		if c.End > 0 {
			g.Width = width
			shift := min(c.From, g.Width-(c.End-c.From)) // start earlier to fill a rounded width
			b.widen(c, shift)
			g.Past = max(g.Past, c.From)
		}
	}
	for _, t := range rows[0].Blocks {
		tokens = max(tokens, len(t.In))
	}
	tokens = max(tokens, g.Width, 1)
	g.Batch = max(1, min(len(rows), tokensPerCall/tokens))
	if b.Exact {
		g.Batch = min(g.Batch, (len(rows)+b.Workers-1)/b.Workers)
	}
	return g
}

// widen starts a row earlier, where nothing is changed yet.
func (b *Batch) widen(c *Row, by int) {
	if by == 0 {
		return
	}
	c.From -= by
	for i := range c.Blocks {
		t := &c.Blocks[i]
		if !t.Attends {
			continue
		}
		all := len(t.Out) == len(t.In)
		t.In = Range(c.From, c.End)
		if all {
			t.Out = t.In
		}
	}
}

// cut makes the chunks. Rows of one base row stand together, so that they can
// share its past in a lane.
func (b *Batch) cut(g *Group) {
	n := len(g.Rows)
	count := (n + g.Batch - 1) / g.Batch
	g.Batch = (n + count - 1) / count
	if !b.Exact {
		g.Batch = roundRows(g.Batch)
	}
	g.Lane = 1
	if g.Past > 0 {
		g.Lane = lane(g.Rows, g.Batch)
		if g.Lane > 1 {
			g.Batch = max(1, g.Batch/g.Lane) * g.Lane
		}
	}
	for rows := range slices.Chunk(g.Rows, g.Batch) {
		g.Chunks = append(g.Chunks, Chunk{rows, g.Batch})
	}
}

// lane is how many rows may share a lane: as many as every base row has, or a
// part of it, so that no lane holds rows of two base rows.
func lane(rows []Row, batch int) int {
	counts := map[int]int{}
	for _, c := range rows {
		counts[c.Index]++
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
