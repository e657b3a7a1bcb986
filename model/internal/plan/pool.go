package plan

import (
	"math/bits"

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

// pooled is how many bytes the Go engine holds of a chunk whose blocks are computed in
// full, while what is read of the widest block is reduced: for each size the most that are
// there at a time, in attention or in the MLP.
func (b *Batch) pooled(rows, width int) int64 {
	c := b.Config
	at := 4 * rows * width // bytes for each value of a position
	scores := at * width * c.Heads
	attention, mlp := pool{}, pool{}
	attention.add(at*c.DModel, 2)          // residual stream, normalised
	attention.add(at*c.Heads*c.DHead, 2)   // queries, z
	attention.add(at*c.KVHeads*c.DHead, 2) // keys, values
	attention.add(scores, 2)
	attention.add(scores/4, 1) // mask, of a byte each
	mlp.add(at*c.DModel, 3)
	if !c.AttnOnly() {
		mlp.add(at*c.DMLP, 2)
		if c.Gated {
			mlp.add(at*c.DMLP, 1)
		}
	}
	most, by := 0, map[int]pool{}
	for id := range ids(b.Points) {
		if id.Kind == hook.KindPost {
			continue // is there in any case
		}
		if by[id.Layer] == nil {
			by[id.Layer] = pool{}
		}
		by[id.Layer].add(4*rows*place.Size(c.Dims(id.Kind, width)), 1)
	}
	for _, reads := range by {
		most = max(most, reads.bytes())
	}
	for size, n := range attention {
		mlp[size] = max(mlp[size], n)
	}
	return int64(mlp.bytes() + most)
}

func (p pool) bytes() (n int) {
	for size, times := range p {
		n += size * times
	}
	return n
}
