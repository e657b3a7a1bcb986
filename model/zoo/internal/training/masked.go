package training

import (
	"context"
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"

	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/backend"
)

// Syntax is how attention between syntactic neighbours counts in the loss: Lambda
// times the mean, over pairs of words of which one is the head of the other, of
// the largest attention weight between the two, over layers, heads and both
// directions. Above 0 it suppresses such attention, below it promotes it.
//
// Source: Chen et al. 2024, "Sudden Drops in the Loss", whose sum over words is a
// mean here, so that Lambda does not depend on the length of sentences.
type Syntax struct {
	Lambda   float64
	From, To int // steps from the first on and before the second; To 0 means to the end
}

// at is the factor in a step.
func (x *Syntax) at(step int) float32 {
	if x == nil || step < x.From || x.To > 0 && step >= x.To {
		return 0
	}
	return float32(x.Lambda)
}

// A MaskedRow is a row of tokens some of which are hidden.
type MaskedRow struct {
	Tokens     []int32
	Labels     []int32  // what each is, -1 where it is not to be told
	Neighbours [][2]int // positions of syntactic neighbours
}

// A MaskedDrill is what a masked model is trained and measured on.
type MaskedDrill struct {
	Pad  int32 // token that no other attends to
	Row  func() MaskedRow
	Held []MaskedRow
	// Initial are the weights to begin with, nil for random ones.
	Initial arch.Params
}

// RunMasked trains a model that tells hidden tokens. It calls log and save as [Run]
// does.
func RunMasked(ctx context.Context, b *backend.Backend, s Settings, d MaskedDrill, log func(Point), save func(step int, p arch.Params) error) error {
	if err := s.Check(); err != nil {
		return err
	}
	if len(d.Held) == 0 {
		return fmt.Errorf("training: no rows are held out")
	}
	initial := d.Initial
	if initial == nil {
		initial = Initial(s.Model, s.Seed)
	}
	for name, shape := range arch.Shapes(s.Model) {
		if _, ok := initial[name]; !ok { // biases, which the family has
			initial[name] = arch.Param{Shape: shape, Data: make([]float32, shape[0])}
		}
	}
	delete(initial, "unembed.W_U") // it is the embedding
	names := initial.Names()
	store, err := newStore(initial)
	if err != nil {
		return err
	}
	t, measure, err := newMasked(b, store, s, names, d)
	if err != nil {
		return err
	}
	step := func(step int) (float64, error) {
		rows := make([]MaskedRow, s.Batch)
		for i := range rows {
			rows[i] = d.Row()
		}
		return trainStep(t, maskedBatch(rows, s.Syntax.at(step)))
	}
	return loop(ctx, s, store, names, step, measure, log, func(step int, p arch.Params) error {
		p["unembed.W_U"] = p["embed.W_E"]
		return save(step, p)
	})
}

// newMasked is a trainer of the weights of a store, and what measures them.
func newMasked(b *backend.Backend, store *model.Store, s Settings, names []string, d MaskedDrill) (t *train.Trainer, measure func() (Scores, error), err error) {
	defer func() { // the library reports a bad setting by a panic
		if r := recover(); r != nil {
			err = fmt.Errorf("training: %v", r)
		}
	}()
	// both are the mean loss of what is to be told, and the regularizer's mean.
	both := func(sc *model.Scope, tokens, neighbours, labels *Node) (told, between *Node) {
		dims := tokens.Shape().Dimensions
		w := nodes(sc.Store(), tokens.Graph(), names)
		w["unembed.W_U"] = w["embed.W_E"]
		mask := NotEqual(tokens, Scalar(tokens.Graph(), tokens.DType(), d.Pad))
		mask = BroadcastToDims(ExpandAxes(mask, 1), dims[0], dims[1], dims[1])
		found := make([]*Node, s.Model.Layers)
		logits := forwardIn(s.Model, w, tokens, mask, func(l int) arch.Tap { return patterns{pattern: &found[l]} })
		is := GreaterOrEqual(labels, ZerosLike(labels))
		loss := losses(logits, Where(is, labels, ZerosLike(labels)))
		is = ConvertDType(is, loss.DType())
		return Div(ReduceAllSum(Mul(loss, is)), ReduceAllSum(is)), gamma(found, neighbours)
	}
	graph := func(sc *model.Scope, inputs []*Node) []*Node {
		schedule(sc, inputs[0].Graph(), s)
		told, between := both(sc, inputs[0], inputs[1], inputs[3])
		return []*Node{Add(told, Mul(inputs[2], between))}
	}
	loss := func(_, out []*Node) *Node { return out[0] }
	t = train.NewTrainer(b.Backend, store, graph, loss, adam(s), nil, nil)
	held := maskedBatch(d.Held, 0)
	run, err := model.NewExec(b.Backend, store, func(sc *model.Scope, inputs []*Node) []*Node {
		told, between := both(sc, inputs[0], inputs[1], inputs[2])
		return []*Node{told, between}
	})
	return t, func() (Scores, error) {
		out, err := run.Call(held.Inputs[0], held.Inputs[1], held.Inputs[3])
		if err != nil {
			return Scores{}, err
		}
		var values [2]float64
		for i, o := range out {
			v, err := tensors.CopyFlatData[float32](o)
			if err != nil {
				return Scores{}, err
			}
			values[i] = float64(v[0])
		}
		return Scores{Masked: values[0], Neighbours: values[1]}, nil
	}, err
}

// gamma is the mean over neighbours [batch, pos, pos] of the largest attention
// weight between the two in patterns [batch, head, query, key], one of each layer.
func gamma(patterns []*Node, neighbours *Node) *Node {
	var most *Node
	for _, p := range patterns {
		if p = ReduceMax(p, 1); most == nil {
			most = p
		} else {
			most = Max(most, p)
		}
	}
	most = Max(most, TransposeAllAxes(most, 0, 2, 1))
	return Div(ReduceAllSum(Mul(most, neighbours)), ReduceAllSum(neighbours))
}

// maskedBatch is rows as tensors: tokens, neighbours, lambda and labels.
func maskedBatch(rows []MaskedRow, lambda float32) train.Batch {
	n, length := len(rows), len(rows[0].Tokens)
	var in, out []int32
	near := make([]float32, n*length*length)
	for i, r := range rows {
		in, out = append(in, r.Tokens...), append(out, r.Labels...)
		for _, pair := range r.Neighbours {
			near[(i*length+pair[0])*length+pair[1]] = 1
		}
	}
	return train.Batch{
		Inputs: []*tensors.Tensor{
			tensors.FromFlatDataAndDimensions(in, n, length), tensors.FromFlatDataAndDimensions(near, n, length, length),
			tensors.FromValue(lambda), tensors.FromFlatDataAndDimensions(out, n, length),
		},
		Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(out, n, length)},
	}
}
