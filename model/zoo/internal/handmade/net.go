package handmade

import (
	"strings"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/arch"
)

type (
	// A Net is a network whose weights are being set; they begin as zeros. It
	// has no biases.
	Net struct {
		config.Config
		Params arch.Params
	}
	// A Head is one attention head: its layer and its number there.
	Head [2]int
)

// New is a network without norms whose weights are all 0.
func New(c config.Config) Net {
	n := Net{c, arch.Params{}}
	for name, shape := range arch.Shapes(c) {
		if isBias(name) {
			continue
		}
		size := 1
		for _, d := range shape {
			size *= d
		}
		n.Params[name] = arch.Param{Shape: shape, Data: make([]float32, size)}
	}
	return n
}

func isBias(name string) bool { return strings.HasPrefix(name[strings.LastIndex(name, ".")+1:], "b") }

// Put writes one value of a matrix.
func (n Net) Put(name string, row, col int, value float32) {
	w := n.Params[name]
	w.Data[row*w.Shape[1]+col] = value
}

// Diagonal writes value along n steps down and right from (row, col).
func (n Net) Diagonal(name string, steps, row, col int, value float32) {
	for i := range steps {
		n.Put(name, row+i, col+i, value)
	}
}

// Set writes one value of a head's W_Q, W_K or W_V: from a coordinate of the
// residual stream to one of the head.
func (n Net) Set(h Head, matrix string, from, to int, value float32) {
	n.Put(arch.LayerName(h[0], "attn."+matrix), from, h[1]*n.DHead+to, value)
}

// In lets a head read steps coordinates of the residual stream, from the given
// one on, into its own, from to on.
func (n Net) In(h Head, matrix string, steps, from, to int, value float32) {
	n.Diagonal(arch.LayerName(h[0], "attn."+matrix), steps, from, h[1]*n.DHead+to, value)
}

// Out lets a head write steps of its coordinates to the residual stream.
func (n Net) Out(h Head, steps, from, to int, value float32) {
	n.Diagonal(arch.LayerName(h[0], "attn.W_O"), steps, h[1]*n.DHead+from, to, value)
}
