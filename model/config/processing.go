package config

import (
	"errors"
	"fmt"
)

// The errors below say why a step of weight processing would change what a
// model computes. They are nil where the step keeps it, even if there is nothing
// for it to do.

// CanFoldNorm tells whether norm weights may go into the matrices behind them.
func (c Config) CanFoldNorm() error {
	switch {
	case c.Norm == NormNone:
		return errors.New("folding norms: the model has none")
	case c.NormAt == NormAfter:
		return errors.New("folding norms: the norms stand behind the sublayers, and what they give goes to the residual stream, not to a matrix")
	case c.NormAt == NormOnSum:
		return errors.New("folding norms: what the norms give is the residual stream, not only the input of a matrix")
	}
	return nil
}

// CanCenterWriting tells whether the mean over d_model may be taken out of what
// writes to the residual stream.
func (c Config) CanCenterWriting() error {
	switch {
	case c.Norm != NormLayer:
		return errors.New("centring writing weights: only a LayerNorm takes the mean out of what it reads, and this model's norm is " + c.Norm)
	case c.NormAt != NormBefore:
		return errors.New("centring writing weights: the matrices read the residual stream itself, not through a LayerNorm")
	}
	return nil
}

// CanCenterUnembed tells whether the mean over the vocabulary may be taken out
// of the unembedding.
func (c Config) CanCenterUnembed() error {
	if c.LogitCap != 0 {
		return errors.New("centring the unembedding: logits are soft capped, and a constant below the cap changes their differences")
	}
	return nil
}

// CanRefactorQK tells whether the queries and keys of a head may be other ones
// with the same product.
func (c Config) CanRefactorQK() error {
	switch {
	case c.Position == PosRotary:
		return errors.New("refactoring W_Q and W_K: rotary positions turn queries and keys, so that their product depends on the positions")
	case c.QKNorm != "":
		return errors.New("refactoring W_Q and W_K: queries and keys are normalized before their product")
	case c.KVHeads != c.Heads:
		return fmt.Errorf("refactoring W_Q and W_K: %d query heads share %d key heads, and each product would need keys of its own", c.Heads, c.KVHeads)
	}
	return nil
}

// CanRefactorOV tells whether the values and outputs of a head may be other
// ones with the same product.
func (c Config) CanRefactorOV() error {
	if c.KVHeads != c.Heads {
		return fmt.Errorf("refactoring W_V and W_O: %d query heads share %d value heads, and each product would need values of its own", c.Heads, c.KVHeads)
	}
	return nil
}
