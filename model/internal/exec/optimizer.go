package exec

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"
)

// A Rule is how an optimizer goes from gradients to steps.
type Rule struct {
	Kind                  string // "adam" or "sgd"
	Beta1, Beta2, Epsilon float64
	Momentum              float64
	Nesterov              bool
	Decay                 float64 // of weights: by the rate, apart from the gradient, for adam; added to it for sgd
}

// An Optimizer steps one tensor, by an optimizer of GoMLX.
type Optimizer struct {
	store *model.Store
	exec  *model.Exec
}

// A Memory is something that an optimizer remembers from step to step.
type Memory struct {
	Path   string
	Dims   []int
	Values []float32
}

const valuePath = "/value"

var ratePath = "/" + optimizer.Scope + "/" + optimizer.ParamLearningRate

// NewOptimizer starts from values. state, if not nil, is that of one like it, from
// which this one goes on.
func (e *Engine) NewOptimizer(r Rule, dims []int, values []float32, state []Memory) (o *Optimizer, err error) {
	defer func() { err = recovered("optimizer", recover(), err) }()
	start, err := e.tensor(values, dims...)
	if err != nil {
		return nil, err
	}
	o = &Optimizer{store: model.NewStore()}
	if _, err := o.store.CreateVariable(valuePath, start); err != nil {
		return nil, err
	}
	var rule optimizer.Interface
	switch r.Kind {
	case "adam":
		rule = optimizer.Adam().LearningRate(1).Betas(r.Beta1, r.Beta2).Epsilon(r.Epsilon).WeightDecay(r.Decay).Done()
	case "sgd":
		rule = optimizer.StochasticGradientDescent().WithDecay(false).WithLearningRate(1).Done()
	default:
		return nil, fmt.Errorf("optimizer %q is not known; there are adam and sgd", r.Kind)
	}
	o.exec, err = model.NewExec(e.Backend.Backend, o.store, func(scope *model.Scope, grad *Node) *Node {
		x := o.store.GetVariable(valuePath).NodeValue(grad.Graph()) // in use, so that it is stepped
		if r.Kind == "sgd" {
			grad = r.inertia(scope, x, grad)
		}
		rule.(interface {
			UpdateGraphWithGradients(*model.Scope, []*Node, dtypes.DType)
		}).UpdateGraphWithGradients(scope, []*Node{grad}, grad.DType())
		return ReduceAllSum(grad)
	})
	if err != nil {
		return nil, err
	}
	return o, o.restore(e, state)
}

// inertia is the gradient with weight decay and momentum, as torch has them.
func (r Rule) inertia(scope *model.Scope, x, grad *Node) *Node {
	if r.Decay != 0 {
		grad = Add(grad, MulScalar(x, r.Decay))
	}
	if r.Momentum == 0 {
		return grad
	}
	v := scope.At("momentum").WithInitializer(func(g *Graph, s shapes.Shape) *Node { return Zeros(g, s) }).
		VariableWithShape("velocity", x.Shape()).SetTrainable(false)
	velocity := Add(MulScalar(v.NodeValue(x.Graph()), r.Momentum), grad)
	v.SetNodeValue(velocity)
	if r.Nesterov {
		return Add(grad, MulScalar(velocity, r.Momentum))
	}
	return velocity
}

// Step steps against a gradient, and gives the new values.
func (o *Optimizer) Step(e *Engine, grad []float32, rate float64) (values []float32, err error) {
	defer func() { err = recovered("optimizer", recover(), err) }()
	v := o.store.GetVariable(valuePath)
	if o.store.GetVariable(ratePath) == nil {
		if _, err := o.store.CreateVariable(ratePath, tensors.FromScalar(float32(rate))); err != nil {
			return nil, err
		}
		o.store.GetVariable(ratePath).SetTrainable(false)
	} else if err := o.store.GetVariable(ratePath).SetValue(tensors.FromScalar(float32(rate))); err != nil {
		return nil, err
	}
	g, err := e.tensor(grad, v.Shape().Dimensions...)
	if err != nil {
		return nil, err
	}
	defer free(g)
	out, err := o.exec.Exec(g)
	if err != nil {
		return nil, err
	}
	free(out...)
	return o.values(v)
}

func (o *Optimizer) values(v *model.Variable) ([]float32, error) {
	t, err := v.Value()
	if err != nil {
		return nil, err
	}
	return tensors.CopyFlatData[float32](t)
}

// State is what the optimizer remembers.
func (o *Optimizer) State() (state []Memory, err error) {
	for v := range o.store.IterVariables() {
		if v.Path() == valuePath || v.Path() == ratePath || !v.HasValue() || v.DType() != dtypes.Float32 {
			continue
		}
		values, err := o.values(v)
		if err != nil {
			return nil, err
		}
		state = append(state, Memory{v.Path(), v.Shape().Dimensions, values})
	}
	return state, nil
}

// restore sets what another optimizer remembered.
func (o *Optimizer) restore(e *Engine, state []Memory) error {
	for _, m := range state {
		t, err := e.tensor(m.Values, m.Dims...)
		if err != nil {
			return err
		}
		v, err := o.store.CreateVariable(m.Path, t)
		if err != nil {
			return err
		}
		v.SetTrainable(false)
	}
	return nil
}

// Close frees the memory on the backend.
func (o *Optimizer) Close() {
	o.exec.Finalize()
	o.store.Finalize()
}

// recovered is an error of what the graph library panicked with.
func recovered(what string, r any, err error) error {
	if r != nil {
		return fmt.Errorf("exec %s: %v", what, r)
	}
	return err
}
