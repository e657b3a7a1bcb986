package plan

import (
	"slices"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// A Part of a block, in which an edit of an activation acts.
type Part int

// The parts, in the order in which a block comes by them.
const (
	PartIn      Part = iota // the residual stream
	PartQueries             // what queries read and attention computes for them
	PartKeys                // what keys and values read
	PartBoth                // queries and keys
	PartZ                   // from z on, before attn_out
	PartAttnOut
	PartMid // between attention and MLP
	PartMLP // inside the MLP
	PartMLPOut
	PartPost
	parts // how many there are
)

// PartOf is where in a block an activation lies.
func PartOf(c config.Config, k hook.Kind) Part {
	after := c.NormAt == config.NormAfter
	onSum := c.NormAt == config.NormOnSum
	switch k {
	case hook.KindResidPre:
		return PartIn
	case hook.KindQInput, hook.KindQ, hook.KindRotQ, hook.KindScores, hook.KindPattern:
		return PartQueries
	case hook.KindKInput, hook.KindVInput, hook.KindK, hook.KindV, hook.KindRotK:
		return PartKeys
	case hook.KindAttnIn:
		return PartBoth
	case hook.KindLN1, hook.KindLN1Norm:
		switch {
		case after:
			return PartZ
		case onSum:
			return PartMid
		}
		return PartBoth
	case hook.KindZ, hook.KindResult, hook.KindLN1Post, hook.KindLN1PostNorm:
		return PartZ
	case hook.KindAttnOut:
		return PartAttnOut
	case hook.KindResidMid:
		return PartMid
	case hook.KindLN2, hook.KindLN2Norm:
		if onSum {
			return PartPost
		}
		return PartMLP
	case hook.KindMLPOut:
		return PartMLPOut
	case hook.KindResidPost:
		return PartPost
	}
	return PartMLP
}

// OfKeys tells whether an activation has the positions of the keys, where only
// some queries are computed.
func OfKeys(c config.Config, k hook.Kind) bool {
	p := PartOf(c, k)
	return p == PartIn || p == PartKeys || p == PartBoth || k == hook.KindQInput
}

// EmbedIDs and FinalIDs are the activations of the embedding and of the
// unembedding.
var (
	EmbedIDs = []hook.ID{{Kind: hook.KindEmbed}, {Kind: hook.KindPosEmbed}}
	FinalIDs = []hook.ID{{Kind: hook.KindLNFinal}, {Kind: hook.KindLNFinalNorm}, {Kind: hook.KindLogits}}
)

// Final tells whether an activation is one of the unembedding's.
func Final(k hook.Kind) bool {
	return k == hook.KindLNFinal || k == hook.KindLNFinalNorm || k == hook.KindLogits
}

// Embedding tells whether an activation is one of the embedding's.
func Embedding(k hook.Kind) bool { return k == hook.KindEmbed || k == hook.KindPosEmbed }

// CommonReads are what a pass for sweeps gives of a block of which some of these are
// read: all of them, so that few graphs are compiled. Otherwise it is what is read.
func CommonReads(c config.Config, read []hook.Kind) []hook.Kind {
	all := []hook.Kind{hook.KindResidPre, hook.KindQ, hook.KindK, hook.KindV, hook.KindZ}
	if k := KeyKind(c); k != hook.KindK {
		all = append(all, k)
	}
	if len(read) == 0 || slices.ContainsFunc(read, func(k hook.Kind) bool { return !slices.Contains(all, k) }) {
		return read
	}
	return all
}

// KeyKind is the keys as attention uses them.
func KeyKind(c config.Config) hook.Kind {
	if c.Position == config.PosRotary {
		return hook.KindRotK
	}
	return hook.KindK
}
