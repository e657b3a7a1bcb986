package compose

import (
	"errors"
	"fmt"

	"github.com/golens/golens/model"
)

// at is a head.
type at struct{ layer, head int }

// weights are the matrices of one query head. Heads that share keys and values
// share k and v. Where a norm stands behind the attention, o has its weight in.
type weights struct{ q, k, v, o model.Factor }

func weightsOf(m *model.Model, layer, head int) (weights, error) {
	c := m.Config()
	if layer < 0 || layer >= c.Layers || head < 0 || head >= c.Heads {
		return weights{}, fmt.Errorf("the model has no head %d.%d; layers are 0 to %d, heads 0 to %d", layer, head, c.Layers-1, c.Heads-1)
	}
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
