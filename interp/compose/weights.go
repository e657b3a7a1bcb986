package compose

import (
	"errors"
	"fmt"

	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
)

// weights are the matrices of one query head. Heads that share keys and values
// share k and v. Where a norm stands behind the attention, o has its weight in.
type weights struct{ q, k, v, o model.Factor }

func weightsOf(m *model.Model, p graph.Part) (weights, error) {
	c := m.Config()
	if err := p.In(c); err != nil {
		return weights{}, err
	}
	if !p.IsHead() {
		return weights{}, fmt.Errorf("%s is no head", p)
	}
	layer, head := p.Layer, p.Index
	kv := c.KVHead(head)
	return weights{model.WQ(layer).Head(head), model.WK(layer).Head(kv), model.WV(layer).Head(kv), model.WO(layer).Head(head).AfterNorm()}, nil
}

// bilinear refuses models whose scores are no product of two embeddings with one
// matrix in between.
func bilinear(m *model.Model) error {
	if m.Config().QKNorm != "" {
		return errors.New("queries and keys are normed before they meet, so that no matrix W_Q W_Kᵀ gives the scores; read hook.Scores of a run instead")
	}
	return nil
}
