package plan

import (
	"maps"
	"slices"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/place"
)

// A Cost says what a sweep runs and what that costs.
type Cost struct {
	Rows, Same         int // rows of variants that run, and that change nothing
	FLOPs, Base, Naive int64
	Memory             int64
	Groups             []GroupCost
}

// A GroupCost is the rows that the same graphs run.
type GroupCost struct {
	Layer    int
	Start    string
	Position int
	Variants int
	Rows     int
	Chunks   int
	FLOPs    int64
	Memory   int64
}

// held is the bytes that stay while the groups run: what the base and source
// runs left and the answer.
func (b *Batch) held() int64 {
	n := 0
	for _, p := range slices.Concat(b.Needs.Base, b.Job.Base.Kept()) {
		n += place.Size(b.Config.Selected(p, len(b.Lens), b.Longest))
	}
	for _, p := range b.Job.Captures {
		n += (len(b.Variants) + 1) * place.Size(b.Config.Selected(p, len(b.Lens), b.Longest))
	}
	if b.Job.Source != nil {
		for _, p := range slices.Concat(b.Needs.Source, b.Job.Source.Kept()) {
			n += place.Size(b.Config.Selected(p, len(b.Source.Each), b.Source.Longest))
		}
	}
	return 4 * int64(n)
}

// passBytes is the most that the base or source run holds at a time, in chunks
// of so many rows if rows is not 0: for each chunk that runs a block, what is
// read of it, and, for gradients, every block's input.
func (b *Batch) passBytes(rows int) int64 {
	most := 0
	for _, run := range []struct {
		job     *Job
		lens    []int
		longest int
		points  []hook.Point
	}{{&b.Job.Base, b.Lens, b.Longest, slices.Concat(b.Needs.Base, b.Points)}, {b.Job.Source, b.Source.Each, b.Source.Longest, b.Needs.Source}} {
		if run.job == nil {
			continue
		}
		width := b.passWidth(run.longest)
		batch := b.passRows(len(run.lens), width, rows)
		chunks := (len(run.lens) + batch - 1) / batch
		reads := map[int]int{}
		for id := range ids(slices.Concat(run.job.Captures, run.points)) {
			reads[id.Layer] += place.Size(b.Config.Dims(id.Kind, width))
		}
		n := b.blockSize(Block{Attends: true}, width, width, 0, 0) + slices.Max(append(slices.Collect(maps.Values(reads)), 0))
		if len(run.job.GradOf) > 0 {
			n += b.Config.Layers * width * b.Config.DModel
		}
		most = max(most, n*min(batch, len(run.lens))*min(b.Workers, chunks))
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

// bytes is the most that one chunk of so many rows holds at a time: the
// residual stream, a block's largest activations beside each other, and the
// values of edits.
func (b *Batch) bytes(g *Group, batch int) int64 {
	c := b.Config
	most := 0
	for i, t := range g.Rows[0].Blocks {
		keys, outs := b.widths(g, i)
		lanes := (batch + max(1, g.Lane) - 1) / max(1, g.Lane)
		n := b.blockSize(t, keys, outs, g.Past, 4*g.Past*c.KVHeads*c.DHead*lanes/max(batch, 1))
		for _, k := range b.kinds {
			if edits := b.EditsOf(g.Rows[0].Variant, hook.ID{Kind: k, Layer: t.Layer}); len(edits) > 0 {
				dims := c.Dims(k, keys)
				n += 2 * place.Size(dims)
			}
		}
		most = max(most, n)
	}
	if f := len(g.Rows[0].Final); f > 0 {
		most = max(most, f*(2*c.DModel+b.columns()))
	}
	return 4 * int64(most) * int64(batch)
}

// blockSize is how many values one row of a block holds at a time: the residual
// stream and what else is given, and attention or the MLP. given are those of
// keys and values that it does not compute.
func (b *Batch) blockSize(t Block, keys, outs, past, given int) int {
	c := b.Config
	attention, scores, mlp := 0, 0, 0
	if t.Attends {
		attention = 2*keys*c.DModel + (2*keys*c.KVHeads+2*outs*c.Heads)*c.DHead + given
		scores = 3 * outs * (past + keys) * c.Heads
	}
	if !t.GivenMLP && !c.AttnOnly() {
		mlp = 2 * outs * c.DMLP
		if c.Gated {
			mlp += outs * c.DMLP
		}
	}
	stream := keys * c.DModel
	for _, is := range []bool{t.GivenAttn, t.GivenMLP} {
		if is {
			stream += outs * c.DModel
		}
	}
	if t.GivenZ {
		stream += outs * c.Heads * c.DHead
	}
	around := 3 * outs * c.DModel // of the MLP
	if b.Exact {                  // keeps what is freed, for values of the same size
		return stream + max(attention, around) + scores + mlp
	}
	return stream + max(attention+scores, around+mlp)
}

// widths are the positions of the i-th block's residual stream and of those that
// are computed.
func (b *Batch) widths(g *Group, i int) (keys, outs int) {
	t := g.Rows[0].Blocks[i]
	keys, outs = len(t.In), len(t.Out)
	if t.Attends {
		if outs == keys {
			outs = g.Width
		}
		keys = g.Width
	}
	return keys, outs
}

// columns is how many logits of each position are computed.
func (b *Batch) columns() int {
	if ids := b.TokensOf(0); ids != nil {
		return len(ids)
	}
	return b.Config.Vocab
}

// flops counts the matrix products of one chunk.
func (b *Batch) flops(g *Group) int64 {
	n, edits := int64(0), b.editsOfVariant(g.Rows[0].Variant)
	for i, t := range g.Rows[0].Blocks {
		keys, outs := b.widths(g, i)
		n += blockFlops(b.Config, t, g.Batch, keys, outs, g.Past) + b.formulaFlops(edits, inBlock(t.Layer), g.Batch, keys, outs)
	}
	if g.Rows[0].Embeds {
		n += b.formulaFlops(edits, atEmbedding, g.Batch, g.Width, g.Width)
	}
	n += b.formulaFlops(edits, atEnd, g.Batch, len(g.Rows[0].Final), len(g.Rows[0].Final))
	return n + 2*int64(g.Batch*len(g.Rows[0].Final)*b.Config.DModel)*int64(b.columns())
}

// blockFlops counts the matrix products of a block.
func blockFlops(c config.Config, t Block, batch, keys, outs, past int) int64 {
	n := 0
	d, q, kv := c.DModel, c.Heads*c.DHead, c.KVHeads*c.DHead
	if t.Attends {
		n += outs*d*q + 2*keys*d*kv + 2*outs*(past+keys)*q
	}
	if !t.GivenAttn {
		n += outs * q * d
	}
	if !t.GivenMLP && !c.AttnOnly() {
		matrices := 2
		if c.Gated {
			matrices = 3
		}
		n += matrices * outs * d * c.DMLP
	}
	return 2 * int64(n) * int64(batch)
}

// pass counts the matrix products of rows of a job, with such edits, in so many blocks.
func (b *Batch) pass(job Job, edits []hook.Edit, layers, rows, longest int) int64 {
	n := int64(layers) * blockFlops(b.Config, Block{Attends: true}, rows, longest, longest, 0)
	n += b.formulaFlops(edits, func(id hook.ID) bool { return atEmbedding(id) || !id.Kind.Global() && id.Layer < layers }, rows, longest, longest)
	read := 0
	for _, m := range job.Metrics {
		if m.Linear == nil {
			read = max(read, len(m.At(0)))
		}
	}
	n += b.formulaFlops(edits, atEnd, rows, read, read)
	return n + 2*int64(rows*read*b.Config.DModel)*int64(b.columns())
}
