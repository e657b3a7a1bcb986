package config

import "github.com/golens/golens/model/hook"

// BlockKinds are the hook points of a block, in the order in which it meets them.
func (c Config) BlockKinds() []hook.Kind {
	var kinds []hook.Kind
	for _, k := range hook.Kinds() {
		if !k.Global() && c.hasKind(k) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// Has tells whether a model of this config has the hook point.
func (c Config) Has(id hook.ID) bool {
	inside := id.Layer >= 0 && (id.Kind.Global() && id.Layer == 0 || !id.Kind.Global() && id.Layer < c.Layers)
	if len(id.Kind.Axes()) == 3 && id.Kind.Axes()[2] == "expert" && !c.HasExperts(id.Layer) {
		return false
	}
	return inside && id.Kind.Valid() && c.hasKind(id.Kind)
}

func (c Config) hasKind(k hook.Kind) bool {
	mlp := !c.AttnOnly()
	switch k {
	case hook.KindLogits:
		return !c.Headless
	case hook.KindLN1, hook.KindLN1Norm:
		return c.Norm != NormNone
	case hook.KindLNFinal, hook.KindLNFinalNorm:
		return c.Norm != NormNone && !c.NoFinal && !(c.Encoder && c.Headless) // an encoder's norm is part of its head
	case hook.KindLN2, hook.KindLN2Norm:
		return c.Norm != NormNone && mlp && !c.SharedNorm
	case hook.KindLN1Post, hook.KindLN1PostNorm:
		return c.NormAt == NormSandwich
	case hook.KindLN2Post, hook.KindLN2PostNorm:
		return c.NormAt == NormSandwich && mlp
	case hook.KindResidMid:
		return mlp && !c.Parallel
	case hook.KindMLPIn, hook.KindPre, hook.KindPost, hook.KindMLPOut:
		return mlp
	case hook.KindRouter, hook.KindExpertWeights, hook.KindExpertGates:
		return c.Experts > 0
	case hook.KindPreLinear:
		return c.Gated
	case hook.KindPosEmbed:
		return c.Position == PosLearned
	case hook.KindAttnIn: // a head of keys has no one query head whose copy it could read
		return c.Heads == c.KVHeads
	case hook.KindRotQ, hook.KindRotK:
		return c.Position == PosRotary
	}
	return true
}

// Dims are the lengths of a hook point's axes for one row of n positions,
// without the batch axis.
func (c Config) Dims(k hook.Kind, n int) []int {
	axes := k.Axes()[1:]
	dims := make([]int, len(axes))
	for i, axis := range axes {
		switch axis {
		case hook.Pos, hook.Query, hook.Key:
			dims[i] = n
		case hook.Head:
			dims[i] = c.Heads
		case "kv_head":
			dims[i] = c.KVHeads
		case "scale":
			dims[i] = 1
		case "d_model":
			dims[i] = c.DModel
		case "d_head":
			dims[i] = c.DHead
		case "d_mlp":
			dims[i] = c.DMLP
		case "expert":
			dims[i] = c.Experts
		case "vocab":
			dims[i] = c.Vocab
		}
	}
	return dims
}

// Selected is the shape of the part of an activation that a point selects, in a
// batch of rows whose longest has so many tokens.
func (c Config) Selected(p hook.Point, rows, longest int) []int {
	return selected(p, c.Dims(p.Kind, longest), rows)
}

func selected(p hook.Point, dims []int, rows int) []int {
	dims = append([]int{rows}, dims...)
	if p.Batch != nil {
		dims[0] = len(p.Batch)
	}
	if !p.Pos.All() {
		dims[p.Kind.PositionAxis()] = len(p.Pos.Rows[0])
	}
	if axis := p.Kind.HeadAxis(); axis >= 0 && p.Heads != nil {
		dims[axis] = len(p.Heads)
	}
	if p.Coords != nil {
		dims[len(dims)-1] = len(p.Coords)
	}
	return dims
}
