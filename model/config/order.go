package config

import (
	"slices"

	"github.com/golens/golens/model/hook"
)

// Order is the hook points of a block in the order in which its graph comes by
// them.
func (c Config) Order() []hook.Kind {
	order := c.BlockKinds()
	move := func(kinds []hook.Kind, before hook.Kind) {
		order = slices.DeleteFunc(order, func(k hook.Kind) bool { return slices.Contains(kinds, k) })
		kinds = slices.DeleteFunc(kinds, func(k hook.Kind) bool { return !c.hasKind(k) })
		order = slices.Insert(order, slices.Index(order, before), kinds...)
	}
	ln1, ln2 := []hook.Kind{hook.KindLN1, hook.KindLN1Norm}, []hook.Kind{hook.KindLN2, hook.KindLN2Norm}
	switch c.NormAt {
	case NormAfter:
		move(ln1, hook.KindAttnOut)
		if !c.AttnOnly() {
			move(ln2, hook.KindMLPOut)
		}
	case NormOnSum:
		if !c.AttnOnly() {
			move(ln1, hook.KindResidMid)
			move(ln2, hook.KindResidPost)
		} else {
			move(ln1, hook.KindResidPost)
		}
	}
	return order
}
