package exec

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/internal/arch"
)

// embedPlacesGraph is the embedding of tokens at given positions of their rows.
func embedPlacesGraph(e *Engine, t *taps) graphFn {
	return func(in []*Node) []*Node {
		lead, w, slots, _ := inputs(in, 2, e.embedNames(), t)
		t := t.begin(slots)
		x := arch.Embed(e.Config, w, t, lead[0], lead[1])
		return append([]*Node{x}, t.outputs()...)
	}
}

// growGraph is a block that gives beside the residual stream its keys and
// values: those of rows' first positions, or the cache that it was given with
// one position more in each row.
func growGraph(e *Engine, t *taps, first bool) graphFn {
	names := e.layerNames()
	return func(in []*Node) []*Node {
		n := e.blockInputs()
		kept := 3
		if first {
			kept = 0
		}
		lead, w, slots, _ := inputs(in, n+kept, names, t)
		t := t.begin(slots)
		a := around(lead[:n])
		a.Cache = &arch.Cache{}
		if !first {
			a.Cache.K, a.Cache.V, a.Cache.Own = lead[n], lead[n+1], lead[n+2]
		}
		x := arch.Block(e.Config, w, t, lead[0], a)
		return append([]*Node{x, a.Cache.K, a.Cache.V}, t.outputs()...)
	}
}

// roomGraph appends positions to keys and values, up to a number of them.
func roomGraph(size int) graphFn {
	return func(in []*Node) []*Node {
		out := make([]*Node, len(in))
		for i, x := range in {
			more := x.Shape().Clone()
			more.Dimensions[2] = size - more.Dimensions[2]
			out[i] = Concatenate([]*Node{x, Zeros(x.Graph(), more)}, 2)
		}
		return out
	}
}
