package exec

import (
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/arch"
)

// A sight is what the queries of a layer see, and how positions turn them.
type sight struct {
	mask     *tensors.Tensor // [1 or batch, query, key]
	cos, sin *tensors.Tensor // [pos, Dim/2]; nil if positions do not rotate
}

// sight is that of a layer; all global layers share one, all local ones too.
func (p *pass) sight(layer int) (*sight, error) {
	which, window := 0, 0
	if p.Config.IsLocal(layer) {
		which, window = 1, p.Config.Window
	}
	if p.sights[which] != nil {
		return p.sights[which], nil
	}
	s := &sight{}
	p.sights[which] = s
	mask, rows := causal(p.pos, window), 1
	if p.Config.Encoder {
		mask, rows = p.bothWays(), p.batch
	}
	var err error
	if s.mask, err = p.tensor(mask, rows, p.pos, p.pos); err != nil || p.Config.Position != config.PosRotary {
		return s, err
	}
	r := p.Config.RotaryOf(layer)
	cos, sin := arch.RotaryTables(r, p.pos)
	if s.cos, err = p.tensor(cos, p.pos, r.Dim/2); err == nil {
		s.sin, err = p.tensor(sin, p.pos, r.Dim/2)
	}
	return s, err
}

// causal lets each query see itself and what comes before it [query, key], as
// far as a window reaches if that is not 0.
func causal(n, window int) []bool {
	m := make([]bool, n*n)
	for q := range n {
		for k := range q + 1 {
			m[q*n+k] = window == 0 || q-k < window
		}
	}
	return m
}

// bothWays lets each query see every token of its row [batch, query, key].
// Padding queries see all, so that no softmax is empty.
func (f *frame) bothWays() []bool {
	m := make([]bool, f.batch*f.pos*f.pos)
	for r := range f.batch {
		n := f.length(r)
		for q := range f.pos {
			for k := range f.pos {
				m[(r*f.pos+q)*f.pos+k] = k < n || q >= n
			}
		}
	}
	return m
}
