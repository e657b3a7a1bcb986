package training

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/arch"
)

// dropout leaves out attention weights, and coordinates of what sublayers write,
// at random while a model is trained.
type dropout struct {
	arch.NoTap
	scope *model.Scope
	rate  float64
}

// tap is the dropout of every layer, nil if nothing is left out.
func (d dropout) tap() func(int) arch.Tap {
	if d.rate == 0 {
		return nil
	}
	return func(int) arch.Tap { return d }
}

// At implements [arch.Tap].
func (d dropout) At(kind hook.Kind, x *Node) *Node {
	switch kind {
	case hook.KindPattern, hook.KindAttnOut, hook.KindMLPOut:
		return layers.DropoutStatic(d.scope, x, d.rate)
	}
	return x
}
