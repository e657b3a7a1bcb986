package plan

import (
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
// of so many rows if rows is not 0: for each chunk what its calls hold, what is read of
// one and, for gradients, every block's input.
func (b *Batch) passBytes(rows int) int64 {
	most := int64(0)
	for _, run := range []struct {
		job     *Job
		lens    []int
		longest int
		points  []hook.Point
		final   func(row int) int // positions that are unembedded
	}{
		{&b.Job.Base, b.Lens, b.Longest, slices.Concat(b.Needs.Base, b.Points), func(row int) int { return len(b.readOfFinal(row)) }},
		{b.Job.Source, b.Source.Each, b.Source.Longest, b.Needs.Source, func(int) int { return 0 }},
	} {
		if run.job == nil {
			continue
		}
		width := b.passWidth(run.longest)
		batch := b.passRows(len(run.lens), width, rows)
		chunks := (len(run.lens) + batch - 1) / batch
		batch = min(batch, len(run.lens))
		positions := 0
		for row := range batch {
			positions += run.final(row)
		}
		back := len(run.job.GradOf) > 0
		points := slices.Concat(run.job.Captures, run.points)
		block := b.blockBytes(Block{Attends: true}, points, batch, width, width, 0, 0, back)
		final := b.finalBytes(run.job, points, positions)
		n := max(block, 4*int64(batch*width*b.DModel)+final)
		if b.Exact { // what a block has freed is still there
			n = block + final
		}
		if back {
			n += 4 * int64(b.Layers*batch*width*b.DModel)
			if run.job.Soft {
				n += min(keptMost, 4*int64(b.Layers*batch*width*keptOf(b.Config)))
			}
		}
		most = max(most, n*int64(min(b.Workers, chunks)))
	}
	return most
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
	most := int64(0)
	for i, t := range g.Rows[0].Blocks {
		keys, outs := b.widths(g, i)
		lanes := (batch + max(1, g.Lane) - 1) / max(1, g.Lane)
		past := 4 * g.Past * c.KVHeads * c.DHead * lanes // keys and values, as they lie and as they are read
		n := b.blockBytes(t, nil, batch, keys, outs, g.Past, past/max(batch, 1), false)
		if b.Exact {
			n += 4 * int64(past)
		}
		for _, k := range b.kinds {
			if edits := b.EditsOf(g.Rows[0].Variant, hook.ID{Kind: k, Layer: t.Layer}); len(edits) > 0 {
				n += b.editBytes(edits) * int64(batch*place.Size(c.Dims(k, keys)))
			}
		}
		if b.Exact && i == 0 && !g.Rows[0].Embeds {
			n += 8 * int64(batch*keys*c.DModel) // where the rows start, which stays for the next chunk
		}
		most = max(most, n)
	}
	if f := len(g.Rows[0].Final); f > 0 {
		final := 4 * int64(batch*f*(2*c.DModel+b.columns()))
		if b.Exact {
			return most + final
		}
		most = max(most, final)
	}
	return most
}

// editBytes is what the edits of an activation are given for each of its values.
func (b *Batch) editBytes(edits []hook.Edit) int64 {
	if b.Exact { // masks, too, lie in buffers of few sizes
		return 8
	}
	n := int64(0)
	slots, _ := Slots(edits)
	for _, s := range slots {
		switch s.Op {
		case OpWhole, hook.OpAdd, hook.OpScale:
			n += 4
		case hook.OpReplace: // and a mask
			n += 5
		default:
			n += 8
		}
	}
	return n
}

// blockSize is how many values one row of a block holds at a time on XLA: the residual
// stream and what else is given, and attention or the MLP. given are those of
// keys and values that it does not compute, read those of scores and patterns that are
// read, which are there during attention in any case.
func (b *Batch) blockSize(t Block, keys, outs, past, given, read int) int {
	c := b.Config
	attention, scores, mlp := 0, 0, 0
	if t.Attends {
		attention = 2*keys*c.DModel + (2*keys*c.KVHeads+2*outs*c.Heads)*c.DHead + given
		scores = 2 * outs * (past + keys) * c.Heads // and the pattern
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
	return stream + max(attention+scores, around+mlp+read)
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
