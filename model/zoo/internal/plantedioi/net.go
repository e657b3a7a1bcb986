package plantedioi

import (
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/zoo/internal/handmade"
)

const (
	context = 32 // the longest of the prompts has 24 tokens
	layers  = 5
	heads   = 2
	people  = len(names)
	dHead   = people + context // a coordinate for each name and for each position
	dModel  = asks + 1
)

// Where the blocks of the residual stream begin.
const (
	tok    = 0
	prev   = people
	dup    = 2 * people
	inh    = 3 * people
	out    = 4 * people
	spare  = 5 * people
	pos    = 6 * people
	dupPos = pos + context
	inhPos = dupPos + context
	asks   = inhPos + context
)

// Where a head keeps names and positions.
const (
	byName = 0
	byPos  = people
)

// The strengths. All are numbers that BF16 holds.
const (
	// Match is the score of what a head looks for, and Rest that of the first
	// position: exp(-15) is 3e-7.
	Match = 30
	Rest  = 15
	// TokenWeight and PositionWeight are what the two signals of the
	// S-inhibition head take off a name's score in the movers. They are small,
	// so that each signal and each half of it shows.
	TokenWeight    = 1
	PositionWeight = 2.5
	// BackupWeight is the same in the backup, which looks at the indirect object
	// or at nothing, also when only half of the signals are there.
	BackupWeight = 20
	// Cancel is what a name that out holds already takes off its score in the
	// backup.
	Cancel = 80
	// What the movers write.
	Move, Negative, Backup = 1, -0.25, 0.75
	// Sharpness is the logit of a name that out holds once.
	Sharpness = 8
)

// Config is the network's config.
func Config() config.Config {
	bos := 0
	return config.Config{
		Family: "attn_only", Layers: layers, DModel: dModel, Heads: heads, KVHeads: heads, DHead: dHead, Vocab: len(words()),
		Context: context, Norm: config.NormNone, Position: config.PosLearned, Scale: 1, BOS: &bos,
	}
}

// net is the network as it is being made.
type net struct{ handmade.Net }

// Weights are the network's weights.
func Weights() arch.Params {
	n := net{handmade.New(Config())}
	for id, word := range words() {
		switch i := nameOf(word); {
		case i >= 0:
			n.Put("embed.W_E", id, tok+i, 1)
			n.Put("unembed.W_U", id, out+i, Sharpness)
		case word == asking:
			n.Put("embed.W_E", id, asks, 1)
		}
	}
	n.Diagonal("pos_embed.W_pos", context, 0, pos, 1)

	n.duplicate(handmade.Head{0, 0})
	n.previous(handmade.Head{0, 1}, prev)
	n.induction(handmade.Head{1, 0})
	n.previous(handmade.Head{1, 1}, spare)
	n.inhibition(handmade.Head{2, 0})
	n.decoyInhibition(handmade.Head{2, 1})
	n.mover(handmade.Head{3, 0}, out, Move)
	n.mover(handmade.Head{3, 1}, out, Negative)
	n.backup(handmade.Head{4, 0})
	n.mover(handmade.Head{4, 1}, spare, 1)
	return n.Params
}

// rests lets a head attend to the first position when it finds nothing else.
func (n net) rests(h handmade.Head) {
	for p := range context {
		n.Set(h, "W_Q", pos+p, byPos, Rest)
	}
	n.Set(h, "W_K", pos, byPos, 1)
}

// asked lets a head match every name where the word is "to".
func (n net) asked(h handmade.Head, score float32) {
	for i := range people {
		n.Set(h, "W_Q", asks, byName+i, score)
	}
}

// duplicate is the duplicate-token head.
func (n net) duplicate(h handmade.Head) {
	n.rests(h)
	n.In(h, "W_Q", people, tok, byName, Match)
	n.In(h, "W_K", people, tok, byName, 1)
	for p := 1; p < context; p++ { // but not itself
		n.Set(h, "W_Q", pos+p, byPos+p, -Match)
		n.Set(h, "W_K", pos+p, byPos+p, 1)
	}
	n.In(h, "W_V", people, tok, byName, 1)
	n.In(h, "W_V", context-1, pos+1, byPos+1, 1)
	n.flags(h)
}

// flags lets a head write what name was named before, and where.
func (n net) flags(h handmade.Head) {
	n.Out(h, people, byName, dup, 0.5)
	n.Out(h, context, byPos, dupPos, 0.5)
}

// previous is a previous-token head.
func (n net) previous(h handmade.Head, to int) {
	for p := range context { // position 0 has no token before it and attends to itself
		n.Set(h, "W_Q", pos+p, byPos+max(p-1, 0), Match)
	}
	n.In(h, "W_K", context, pos, byPos, 1)
	n.In(h, "W_V", people, tok, byName, 1)
	n.Out(h, people, byName, to, 1)
}

// induction is the induction head. Where it attends to is one after where the
// name stood.
func (n net) induction(h handmade.Head) {
	n.rests(h)
	n.In(h, "W_Q", people, tok, byName, Match)
	n.In(h, "W_K", people, prev, byName, 1)
	n.In(h, "W_V", people, prev, byName, 1)
	n.In(h, "W_V", context-2, pos+2, byPos+1, 1)
	n.flags(h)
}

// looksForDuplicates is the attention of S-inhibition: half of a flag suffices.
func (n net) looksForDuplicates(h handmade.Head) {
	n.rests(h)
	n.asked(h, 2*Match)
	n.In(h, "W_K", people, dup, byName, 1)
	n.In(h, "W_V", people, dup, byName, 1)
}

// inhibition is the S-inhibition head.
func (n net) inhibition(h handmade.Head) {
	n.looksForDuplicates(h)
	n.In(h, "W_V", context, dupPos, byPos, 1)
	n.In(h, "W_V", context-1, pos+1, byPos+1, 1)
	n.Out(h, people, byName, inh, 1)
	n.Out(h, context, byPos, inhPos, 1)
}

// decoyInhibition looks where S-inhibition looks, and tells nobody.
func (n net) decoyInhibition(h handmade.Head) {
	n.looksForDuplicates(h)
	n.Out(h, people, byName, spare, 1)
}

// looksForNames is the attention of movers.
func (n net) looksForNames(h handmade.Head, token, position float32) {
	n.rests(h)
	n.asked(h, Match)
	n.In(h, "W_Q", people, inh, byName, -token)
	n.In(h, "W_Q", context-1, inhPos+1, byPos+1, -position)
	n.In(h, "W_K", people, tok, byName, 1)
	n.In(h, "W_K", context, pos, byPos, 1)
	n.In(h, "W_V", people, tok, byName, 1)
}

// mover is a name mover, which may write elsewhere or with another sign.
func (n net) mover(h handmade.Head, to int, size float32) {
	n.looksForNames(h, TokenWeight, PositionWeight)
	n.Out(h, people, byName, to, size)
}

// backup is the backup name mover.
func (n net) backup(h handmade.Head) {
	n.looksForNames(h, BackupWeight, BackupWeight)
	n.In(h, "W_Q", people, out, byName, -Cancel)
	n.Out(h, people, byName, out, Backup)
}
