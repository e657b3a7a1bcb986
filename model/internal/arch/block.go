package arch

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// builder is what all parts of one graph share.
type builder struct {
	config.Config
	w   Nodes
	tap Tap
}

func (b *builder) untapped() *builder { return &builder{b.Config, b.w, NoTap{}} }

// Block is the residual stream after one block: resid_post from resid_pre
// [batch, pos, d_model], with the mask [1 or batch, query, key] of visible keys.
func Block(c config.Config, w Nodes, tap Tap, x, mask *Node) *Node {
	b := &builder{c, w, tap}
	x = tap.At(hook.KindResidPre, x)
	x = Add(x, b.attention(x, mask))
	if !c.AttnOnly() {
		x = tap.At(hook.KindResidMid, x)
		x = Add(x, b.mlp(x))
	}
	return tap.At(hook.KindResidPost, x)
}

// BlockKinds are the hook points of a block, in the order in which it meets them.
func BlockKinds(c config.Config) []hook.Kind {
	var kinds []hook.Kind
	for _, k := range hook.Kinds() {
		if !k.Global() && exists(c, k) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// Exists tells whether a model of this config has the hook point.
func Exists(c config.Config, id hook.ID) bool {
	inside := id.Layer >= 0 && (id.Kind.Global() && id.Layer == 0 || !id.Kind.Global() && id.Layer < c.Layers)
	return inside && id.Kind.Valid() && exists(c, id.Kind)
}

func exists(c config.Config, k hook.Kind) bool {
	switch k {
	case hook.KindLN1, hook.KindLN1Norm, hook.KindLNFinal, hook.KindLNFinalNorm:
		return c.Norm != config.NormNone
	case hook.KindLN2, hook.KindLN2Norm:
		return c.Norm != config.NormNone && !c.AttnOnly()
	case hook.KindResidMid, hook.KindMLPIn, hook.KindPre, hook.KindPost, hook.KindMLPOut:
		return !c.AttnOnly()
	case hook.KindPosEmbed:
		return c.Position == config.PosLearned
	case hook.KindRotQ, hook.KindRotK, hook.KindPreLinear:
		return false // no family here rotates queries or gates its MLP yet
	}
	return true
}

// Dims are the lengths of a hook point's axes for one row of n positions,
// without the batch axis.
func Dims(c config.Config, k hook.Kind, n int) []int {
	axes := k.Axes()[1:]
	dims := make([]int, len(axes))
	for i, axis := range axes {
		dims[i] = map[string]int{
			"pos": n, "query": n, "key": n, "head": c.Heads, "kv_head": c.KVHeads, "scale": 1,
			"d_model": c.DModel, "d_head": c.DHead, "d_mlp": c.DMLP, "vocab": c.Vocab,
		}[axis]
	}
	return dims
}
