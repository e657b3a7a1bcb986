package plan

import (
	"math/bits"
	"slices"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/place"
)

// pool is what the Go engine holds, number of buffers by their size in bytes. It keeps
// what is freed, in few sizes, for the next value that fits: values of one size that are
// never there together share a buffer.
type pool map[int]int

// add has so many values of so many bytes there at a time.
func (p pool) add(bytes, times int) { p[poolSize(bytes)] += times }

// poolSize is the size of the buffer that holds a value: a power of two, or one and a
// half times one.
func poolSize(bytes int) int {
	if bytes < 2 {
		return bytes
	}
	size := 1 << (bits.Len(uint(bytes-1)) - 1) // the largest power below
	if bytes <= size+size/2 {
		return size + size/2
	}
	return 2 * size
}

// most is another pool's where that has more of a size.
func (p pool) most(other pool) {
	for size, n := range other {
		p[size] = max(p[size], n)
	}
}

func (p pool) bytes() (n int) {
	for size, times := range p {
		n += size * times
	}
	return n
}

// panels are the parts of large matrices that lie in the order in which they are multiplied.
const panels = 1 << 18

// blockPool is what a block takes of rows: for each size the most that are there at a
// time, in attention or, beside what is read of that, in the MLP; if the way back
// follows, of both.
func (b *Batch) blockPool(t Block, reads []hook.Kind, rows, keys, outs, past int, back bool) pool {
	c := b.Config
	in, out := 4*rows*keys, 4*rows*outs // bytes for each value of a position
	scores := out * (past + keys) * c.Heads
	attention, mlp := pool{}, pool{}
	if t.Attends {
		attention.add(in*c.DModel, 2)          // residual stream, normalised
		attention.add(out*c.Heads*c.DHead, 2)  // queries, z
		attention.add(in*c.KVHeads*c.DHead, 2) // keys, values
		attention.add(scores, 2)
		attention.add(scores/4, 1) // mask, of a byte each
		if c.KVHeads < c.Heads {
			attention.add(4*rows*(past+keys)*c.Heads*c.DHead, 2) // keys and values for each head
		}
		if c.Position == config.PosRotary {
			attention.add(out*c.Heads*c.Rotary.Dim/2, 4)
		}
		if back {
			attention.add(scores, 5)
			attention.add(out*c.DModel, 9)
		}
	}
	mlp.add(out*c.DModel, 3)
	if !t.GivenMLP && !c.AttnOnly() {
		mlp.add(out*c.DMLP, 2)
		if c.Gated {
			mlp.add(out*c.DMLP, 1)
		}
		if back {
			mlp.add(out*c.DMLP, 3)
			if c.Act == config.ActGELUTanh {
				mlp.add(out*c.DMLP, 4)
			}
			mlp.add(scores, 3)
		}
	}
	for _, k := range reads {
		if k != hook.KindPost { // which is there in any case
			mlp.add(4*rows*place.Size(c.Dims(k, keys)), 1)
		}
	}
	mlp.most(attention)
	for _, given := range []bool{t.GivenAttn, t.GivenMLP, t.GivenZ} {
		if given {
			mlp.add(out*max(c.DModel, c.Heads*c.DHead), 1)
		}
	}
	if c.DModel >= 256 {
		mlp.add(panels, 2)
	}
	return mlp
}

// blockBytes is what a call of a block holds at most of so many rows, if the points are
// read; on XLA given values of each row too.
func (b *Batch) blockBytes(t Block, points []hook.Point, rows, keys, outs, past, given int, back bool) int64 {
	by := map[int][]hook.Kind{0: nil}
	for id := range ids(points) {
		if !Final(id.Kind) {
			by[id.Layer] = append(by[id.Layer], id.Kind)
		}
	}
	most := 0
	for _, reads := range by {
		if b.common {
			reads = CommonReads(b.Config, reads)
		}
		n := 0
		if b.Exact {
			n = b.blockPool(t, reads, rows, keys, outs, past, back).bytes()
		} else {
			other, read := 0, 0
			for _, k := range reads {
				switch size := place.Size(b.Config.Dims(k, keys)); k {
				case hook.KindScores, hook.KindPattern:
					read += size
				case hook.KindPost: // which is there in any case
				default:
					other += size
				}
			}
			n = b.blockSize(t, keys, outs, past, given, read)
			if back {
				n *= 3
			}
			n = 4 * rows * (n + other)
		}
		most = max(most, n)
	}
	return int64(most)
}

// readBytes is what is read of the block of which most is, beside what is there in any
// case.
func (b *Batch) readBytes(rows, width int) int64 {
	most, by := 0, map[int]int{}
	for id := range ids(b.Points) {
		if id.Kind != hook.KindPost {
			by[id.Layer] += poolSize(4 * rows * place.Size(b.Config.Dims(id.Kind, width)))
			most = max(most, by[id.Layer])
		}
	}
	return int64(most)
}

// finalBytes is what the call of the unembedding holds of so many positions.
func (b *Batch) finalBytes(job *Job, points []hook.Point, positions int) int64 {
	if positions == 0 {
		return 0
	}
	logits, is := 0, func(p hook.Point) bool { return p.ID == hook.Logits().ID }
	if slices.ContainsFunc(points, is) {
		logits++
	}
	if slices.ContainsFunc(job.Metrics, func(m Objective) bool { return m.Linear == nil }) {
		logits++
	}
	if len(job.GradOf) > 0 {
		logits += 2
	}
	size := 4 * positions * b.columns()
	if b.Exact { // values of the stream's size are there from the blocks
		return int64(logits * poolSize(size))
	}
	return int64(logits*size + 8*positions*b.DModel)
}
