package exec

import (
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/plan"
)

// calcArgs appends the inputs of a formula to those of a graph.
func (p *pass) calcArgs(c *calc, edits []hook.Edit, shape, dims []int, args []any, own *[]*tensors.Tensor) ([]any, error) {
	for _, v := range c.values(p.frame, edits, dims, product(shape), p.runOf) {
		x, err := p.tensor(v, shape...)
		*own, args = append(*own, x), append(args, x)
		if err != nil {
			return nil, err
		}
	}
	for _, id := range c.far {
		args = append(args, p.far[id])
	}
	for _, s := range c.edit.Formula.Tensors() {
		args = append(args, p.held.of(s))
	}
	return args, nil
}

// takeBelow brings what formulas read of blocks that do not run.
func (p *pass) takeBelow() error {
	if p.job.Below == nil {
		return nil
	}
	for id, a := range p.job.Below.At {
		dims, own := p.Config.Dims(id.Kind, p.pos), a.Shape()[1:]
		x := make([]float32, p.batch*product(dims))
		inner := product(dims[1:])
		for r := range p.rows {
			copy(x[r*product(dims):], a.Values()[(p.first+r)*product(own):][:p.length(r)*inner])
		}
		t, err := p.tensor(x, p.shape(id.Kind)...)
		if err != nil {
			return err
		}
		p.far[id] = t
	}
	return nil
}

// isFar tells whether a formula of a later block reads the activation.
func (p *pass) isFar(id hook.ID) bool {
	return slices.ContainsFunc(p.job.Edits, func(e hook.Edit) bool {
		return e.Op == hook.OpCompute && slices.Contains(newCalc(e).far, id)
	})
}

// weighed are the tensors of the slots whose gradients are wanted, each once.
func (p *pass) weighed(slots []slot) (names []string) {
	for _, s := range slots {
		if s.calc == nil {
			continue
		}
		for _, t := range s.calc.edit.Formula.Tensors() {
			if slices.Contains(p.job.Weigh, t.Name) && !slices.Contains(names, t.Name) {
				names = append(names, t.Name)
			}
		}
	}
	return names
}

// lowestWeighed is the lowest layer whose formulas have a tensor whose gradient
// is wanted.
func (p *pass) lowestWeighed() int {
	lowest := p.job.Until
	for _, e := range p.job.Edits {
		if e.Op == hook.OpCompute && !finals[e.Kind] && len(p.weighed([]slot{{calc: newCalc(e)}})) > 0 {
			lowest = min(lowest, e.Layer)
		}
	}
	return lowest
}

// pull adds to the gradient at an activation that a formula of a later block
// reads.
func (p *pass) pull(id hook.ID, metric int, t *tensors.Tensor) error {
	a := p.pulls[id]
	if a == nil {
		a = make(above, len(p.job.GradOf))
		p.pulls[id] = a
	}
	if a[metric] == nil {
		a[metric] = t
		return nil
	}
	prog, err := p.program("add", addGraph)
	if err != nil {
		return err
	}
	out, err := call("add", prog, []any{a[metric], t})
	free(a[metric], t)
	a[metric] = nil
	if err == nil {
		a[metric] = out[0]
	}
	return err
}

// takeWeight adds to the chunk's gradient of a tensor.
func (p *pass) takeWeight(metric int, name string, t *tensors.Tensor) error {
	defer free(t)
	return tensors.ConstFlatData(t, func(x []float32) {
		at := metric*len(p.job.Weigh) + slices.Index(p.job.Weigh, name)
		if p.byTensor == nil {
			p.byTensor = make([][]float64, len(p.job.GradOf)*len(p.job.Weigh))
		}
		if p.byTensor[at] == nil {
			p.byTensor[at] = make([]float64, len(x))
		}
		for i, v := range x {
			p.byTensor[at][i] += float64(v)
		}
	})
}

// sumWeights adds up what the chunks have, in their order, so that the sum is the
// same every time.
func sumWeights(job plan.Job, chunks [][][]float64) (all [][]float64) {
	for range job.GradOf {
		for _, name := range job.Weigh {
			sum := make([]float64, sizeOf(job.Edits, name))
			for _, c := range chunks {
				if c != nil {
					for i, v := range c[len(all)] {
						sum[i] += v
					}
				}
			}
			all = append(all, sum)
		}
	}
	return all
}

// runOf is what the job was given of the run that a formula reads.
func (p *pass) runOf(s formula.Step) *plan.Left {
	if s.Op == formula.OpBase {
		return p.job.Base
	}
	return p.job.Source
}

// sizeOf is how many values a tensor of formulas has.
func sizeOf(edits []hook.Edit, name string) int {
	for _, e := range edits {
		for _, s := range e.Formula.Tensors() {
			if s.Name == name {
				return product(s.Shape)
			}
		}
	}
	return 0
}
