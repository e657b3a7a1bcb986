package planted

import (
	"strings"

	"github.com/golens/golens/model/internal/arch"
)

type (
	net  arch.Params
	head struct{ layer, index int }
)

// isBias tells whether the network leaves the weight out.
func isBias(name string) bool { return strings.HasPrefix(name[strings.LastIndex(name, ".")+1:], "b") }

func zeros(shape []int) arch.Param {
	size := 1
	for _, n := range shape {
		size *= n
	}
	return arch.Param{Shape: shape, Data: make([]float32, size)}
}

// put writes one value of a matrix.
func (n net) put(name string, row, col int, value float32) {
	w := n[name]
	w.Data[row*w.Shape[1]+col] = value
}

// diagonal writes value along n steps down and right from (row, col).
func (n net) diagonal(name string, steps, row, col int, value float32) {
	for i := range steps {
		n.put(name, row+i, col+i, value)
	}
}

// set writes one value of a head's W_Q, W_K or W_V: from a coordinate of the
// residual stream to one of the head.
func (n net) set(h head, matrix string, from, to int, value float32) {
	n.put(arch.LayerName(h.layer, "attn."+matrix), from, h.index*dHead+to, value)
}

// in lets a head read steps coordinates of the residual stream, from the given
// one on, into its first ones.
func (n net) in(h head, matrix string, steps, from int, value float32) {
	n.diagonal(arch.LayerName(h.layer, "attn."+matrix), steps, from, h.index*dHead, value)
}

// out lets a head write its first coordinates to the residual stream, from the
// given one on.
func (n net) out(h head, steps, to int, value float32) {
	n.diagonal(arch.LayerName(h.layer, "attn.W_O"), steps, h.index*dHead, to, value)
}
