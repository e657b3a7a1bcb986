package plan

import (
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/place"
)

// keptMost bounds the bytes of what a chunk keeps of the insides of its blocks.
const keptMost = 1 << 29

// Keeps are the activations inside of each block that a chunk of so many tokens keeps for
// the way back, in stages: those of one do not hang on each other, and those of a later one
// on those before. With them the way back computes no product again; without, as where
// they would be too large, two thirds of a block.
func (b *Batch) Keeps(tokens, blocks int) [][]hook.Kind {
	if 4*tokens*keptOf(b.Config)*blocks > keptMost {
		return nil
	}
	return keptKinds(b.Config)
}

func keptKinds(c config.Config) [][]hook.Kind {
	all := [][]hook.Kind{{hook.KindQ, hook.KindK, hook.KindV}}
	if c.AttnOnly() {
		return all
	}
	if !c.Parallel {
		all = append(all, []hook.Kind{hook.KindResidMid})
	}
	if c.Gated {
		return append(all, []hook.Kind{hook.KindPre, hook.KindPreLinear})
	}
	return append(all, []hook.Kind{hook.KindPre})
}

// keptOf is how many values a block keeps of a position.
func keptOf(c config.Config) (n int) {
	for _, stage := range keptKinds(c) {
		for _, k := range stage {
			n += place.Size(c.Dims(k, 1))
		}
	}
	return n
}
