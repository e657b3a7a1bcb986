package training

import (
	"context"
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/gomlx/gomlx/ml/train/optimizer/cosineschedule"

	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/backend"
)

// A Point is one row of the training log.
type Point struct {
	Step int
	Loss float64 // mean training loss in nats since the last point
	Scores
}

// Run trains on the tokens of a text, of which the last twentieth is held out.
// It calls log at step 0, every LogEvery steps and at every checkpoint, and save
// with the weights of every checkpoint.
func Run(ctx context.Context, b *backend.Backend, s Settings, tokens []int32, log func(Point), save func(step int, p arch.Params) error) error {
	if err := s.checkText(); err != nil {
		return err
	}
	tokens, held := HoldOut(tokens)
	if len(held) <= s.Model.Context {
		return fmt.Errorf("training: %d tokens of text are too few for a context of %d", len(tokens)+len(held), s.Model.Context)
	}
	initial := Initial(s.Model, s.Seed)
	names := initial.Names()
	store, err := newStore(initial)
	if err != nil {
		return err
	}
	m, err := newMeter(b, store, s.Model, names, held, s.Seed)
	if err != nil {
		return err
	}
	rows := newSampler(s.Model, tokens, s.Repeats, s.Seed, 1)
	step, err := causal(b, store, s, names, nil, func(row []int32) error { rows.row(row); return nil })
	if err != nil {
		return err
	}
	return loop(ctx, s, store, names, step, m.scores, log, save)
}

// loop trains the weights of a store by a step that gives its loss.
func loop(ctx context.Context, s Settings, store *model.Store, names []string,
	train func(step int) (float64, error), measure func() (Scores, error), log func(Point), save func(step int, p arch.Params) error) error {
	var err error
	sum, n := 0.0, 0
	for step := 0; ; step++ {
		kept := slices.Contains(s.Checkpoints, step)
		if kept || step%s.LogEvery == 0 || step == s.Steps {
			p := Point{Step: step}
			if n > 0 {
				p.Loss = sum / float64(n)
			}
			sum, n = 0, 0
			if p.Scores, err = measure(); err != nil {
				return err
			}
			log(p)
		}
		if kept {
			params, err := read(store, names)
			if err == nil {
				err = save(step, params)
			}
			if err != nil {
				return err
			}
		}
		if step == s.Steps {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		loss, err := train(step)
		if err != nil {
			return fmt.Errorf("training: step %d: %w", step, err)
		}
		sum, n = sum+loss, n+1
	}
}

// HoldOut cuts a text into what is trained on and the last twentieth, held out.
func HoldOut(tokens []int32) (train, held []int32) {
	at := len(tokens) - len(tokens)/20
	return tokens[:at], tokens[at:]
}

// causal is a step of training on rows in which every token tells the next.
func causal(b *backend.Backend, store *model.Store, s Settings, names []string, weights []float32, draw func(row []int32) error) (func(int) (float64, error), error) {
	t, err := newTrainer(b, store, s, names, weights)
	return func(int) (float64, error) {
		in, out, err := batch(draw, s.Batch, s.Model.Context)
		if err != nil {
			return 0, err
		}
		return trainStep(t, train.Batch{
			Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(in, s.Batch, s.Model.Context)},
			Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(out, s.Batch, s.Model.Context)},
		})
	}, err
}

// newTrainer trains the weights of a store. The loss of each token of the
// vocabulary counts by its weight, if there are weights.
func newTrainer(b *backend.Backend, store *model.Store, s Settings, names []string, weights []float32) (t *train.Trainer, err error) {
	defer func() { // the library reports a bad setting by a panic
		if r := recover(); r != nil {
			err = fmt.Errorf("training: %v", r)
		}
	}()
	if err := store.SetRNGStateFromSeed(int64(s.Seed)); err != nil {
		return nil, err
	}
	graph := func(sc *model.Scope, tokens *Node) *Node {
		g := tokens.Graph()
		schedule(sc, g, s)
		return forward(s.Model, nodes(sc.Store(), g, names), tokens, dropout{scope: sc, rate: s.Dropout}.tap())
	}
	loss := func(labels, logits []*Node) *Node {
		l := losses(logits[0], labels[0])
		if weights == nil {
			return ReduceAllMean(l)
		}
		w := Gather(Const(l.Graph(), weights), ExpandAxes(labels[0], -1))
		return Div(ReduceAllSum(Mul(l, w)), ReduceAllSum(w))
	}
	return train.NewTrainer(b.Backend, store, graph, loss, adam(s), nil, nil), nil
}

// schedule lets the rate rise, and fall by a cosine.
func schedule(sc *model.Scope, g *Graph, s Settings) {
	cosineschedule.New(sc, g, dtypes.Float32).LearningRate(s.LearningRate).MinLearningRate(s.FinalRate).
		WarmUpSteps(s.WarmUp).PeriodSteps(s.Steps - s.WarmUp).Done()
}

func adam(s Settings) optimizer.Interface {
	return optimizer.Adam().LearningRate(s.LearningRate).Betas(0.9, s.Beta2).Done()
}

// trainStep is one step of the optimizer, and its loss.
func trainStep(t *train.Trainer, batch train.Batch) (float64, error) {
	metrics, err := t.TrainStep(batch)
	if err != nil {
		return 0, err
	}
	loss, err := tensors.CopyFlatData[float32](metrics[0])
	for _, m := range metrics {
		if e := m.FinalizeAll(); err == nil {
			err = e
		}
	}
	if err != nil {
		return 0, err
	}
	return float64(loss[0]), nil
}
