package lens

import (
	"cmp"
	"fmt"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// A Jacobian lens carries the stream after each block to the end of the model by how, on
// average, the end changes with it: it reads J h. J of the last block is the identity.
// Source: Gurnee et al. 2026; TransformerLens 4, jacobian_lens.py.
type Jacobian struct {
	J       []*array.Array // of each block [out, in]; nil where it has none
	Prompts int            // that the mean is over
	Model   string
}

// String says what it was found on.
func (j *Jacobian) String() string {
	return fmt.Sprintf("Jacobian lens of %d layers of %s, mean over %d prompts (Gurnee et al. 2026)", len(j.J), j.Model, j.Prompts)
}

// Name implements [Lens].
func (j *Jacobian) Name() string { return "Jacobian lens" }

func (j *Jacobian) source() string { return "Gurnee et al. 2026" }

func (j *Jacobian) fits(c config.Config) error {
	if len(j.J) != c.Layers {
		return fmt.Errorf("the lens has %d layers, the model %d", len(j.J), c.Layers)
	}
	for l, w := range j.J {
		if w != nil && !slices.Equal(w.Shape(), []int{c.DModel, c.DModel}) {
			return fmt.Errorf("layer %d has shape %v; d_model is %d", l, w.Shape(), c.DModel)
		}
	}
	return nil
}

func (j *Jacobian) at(c config.Config, i int) (formula.Expr, bool) {
	switch {
	case i == c.Layers:
		return formula.Here(), true
	case i == 0 || j.J[i-1] == nil: // the embedding comes before the first block
		return formula.Expr{}, false
	}
	return streamAt(c, i).Dot(formula.Tensor(fmt.Sprint("J ", i-1), j.J[i-1]).Transpose()), true
}

// A Differentiate says how a Jacobian lens is fitted.
type Differentiate struct {
	Skip     int   // positions at the beginning of each row that are left out; 0 means 16, below 0 none
	Layers   []int // blocks; nil means all
	Together int   // coordinates differentiated at once; 0 means 16
}

// Fit is the mean over prompts of the Jacobian of the stream after the last block by that
// after each block: over positions, of the derivative of the sum of this and all later
// ones. The last position is left out, too. It costs a pass, and as many passes backwards
// as the stream has coordinates, for each prompt; a hundred prompts of 128 tokens
// suffice for use, a thousand were published. Weights must be raw.
func (o Differentiate) Fit(m *model.Model, prompts model.Prompts) (*Jacobian, error) {
	j, err := o.fit(m, prompts)
	if err != nil {
		return nil, fmt.Errorf("Jacobian lens: %w", err)
	}
	return j, nil
}

func (o Differentiate) fit(m *model.Model, prompts model.Prompts) (*Jacobian, error) {
	c := m.Config()
	if err := prompts.Err(); err != nil {
		return nil, err
	}
	if p := m.Info().Processing; p.FoldNorm || p.CenterWriting {
		return nil, fmt.Errorf("the weights are processed (%s); take the raw ones", p)
	}
	skip, together := cmp.Or(o.Skip, 16), cmp.Or(o.Together, 16)
	skip = max(0, skip)
	which := o.Layers
	if which == nil {
		which = hook.UpTo(c.Layers)
	}
	j := &Jacobian{J: make([]*array.Array, c.Layers), Model: m.Info().Name}
	sums := map[int][]float64{}
	for _, l := range which {
		if l < 0 || l >= c.Layers {
			return nil, fmt.Errorf("there is no layer %d; there are %d", l, c.Layers)
		}
		sums[l] = make([]float64, c.DModel*c.DModel)
	}
	for i, row := range prompts.IDs {
		var at []int
		for pos := skip; pos < len(row)-1; pos++ {
			at = append(at, pos)
		}
		if len(at) == 0 {
			continue
		}
		if err := o.add(m, prompts.Row(i), at, sums, together); err != nil {
			return nil, fmt.Errorf("prompt %d: %w", i, err)
		}
		j.Prompts++
	}
	if j.Prompts == 0 {
		return nil, fmt.Errorf("no prompt has more than %d tokens, of which the first %d and the last are left out", skip+1, skip)
	}
	for l, sum := range sums {
		j.J[l] = array.New(array.Dim("out", c.DModel), array.Dim("in", c.DModel)).Named(fmt.Sprintf("Jacobian of the end by layer %d", l), "")
		for k, v := range sum {
			j.J[l].Values()[k] = float32(v / float64(j.Prompts))
		}
	}
	return j, nil
}

// add adds the mean Jacobians of a prompt, some rows of them at a time.
func (o Differentiate) add(m *model.Model, prompt model.Prompts, at []int, sums map[int][]float64, together int) error {
	c := m.Config()
	last := hook.ResidPost(c.Layers - 1).At(at...)
	var points []hook.Point
	for l := range sums {
		if l < c.Layers-1 {
			points = append(points, hook.ResidPost(l).At(at...))
			continue
		}
		for k := range c.DModel { // by itself
			sums[l][k*c.DModel+k]++
		}
	}
	if len(points) == 0 {
		return nil
	}
	for first := 0; first < c.DModel; first += together {
		request := prompt.Request()
		n := min(together, c.DModel-first)
		for k := range n {
			request = request.Metric(model.Linear(last.Coord(first+k), hook.Vec(1)))
		}
		run, err := m.Run(request.GradEach(points...))
		if err != nil {
			return err
		}
		for k := range n {
			for _, p := range points {
				g := run.GradOf(k, p)
				if err := g.Err(); err != nil {
					return err
				}
				row := sums[p.Layer][(first+k)*c.DModel:][:c.DModel]
				for i, v := range g.Values() {
					row[i%c.DModel] += float64(v) / float64(len(at))
				}
			}
		}
	}
	return nil
}

// Swap exchanges two tokens in what the lens reads after a block: of the stream's
// coordinates along the two directions that are read as them, each gets the other's. All
// else stays. Source: Gurnee et al. 2026.
func (j *Jacobian) Swap(m *model.Model, layer int, a, b int32) (hook.Edit, error) {
	fail := func(err error) (hook.Edit, error) { return hook.Edit{}, fmt.Errorf("Jacobian lens: %w", err) }
	c := m.Config()
	if err := j.fits(c); err != nil {
		return fail(err)
	}
	if layer < 0 || layer >= c.Layers || j.J[layer] == nil {
		return fail(fmt.Errorf("it has no layer %d", layer))
	}
	u, err := m.Products(model.Chain{model.WU().Of(a, b).T()})
	if err != nil {
		return fail(err)
	}
	d := c.DModel
	rows, J := mat.NewDense(2, d, nil), mat.NewDense(d, d, nil)
	for i, v := range u[0].Values() {
		rows.RawMatrix().Data[i] = float64(v)
	}
	for i, v := range j.J[layer].Values() {
		J.RawMatrix().Data[i] = float64(v)
	}
	var v mat.Dense // the two directions, as rows
	v.Mul(rows, J)
	var gram, inverse, coordinates mat.Dense
	gram.Mul(&v, v.T())
	if err := inverse.Inverse(&gram); err != nil {
		return fail(fmt.Errorf("tokens %d and %d are read by the same direction: %w", a, b, err))
	}
	coordinates.Mul(&inverse, &v) // c = h coordinatesᵀ
	read, write := make([]float32, d), make([]float32, d)
	for i := range d {
		read[i] = float32(coordinates.At(0, i) - coordinates.At(1, i))
		write[i] = float32(v.At(1, i) - v.At(0, i))
	}
	name := fmt.Sprintf("swap %d %d ", a, b)
	h := formula.Here()
	moved := h.Dot(formula.Tensor(name+"read", array.Of(read, array.Dim("in", d), array.Dim("one", 1)))).
		Dot(formula.Tensor(name+"write", array.Of(write, array.Dim("one", 1), array.Dim("out", d))))
	return hook.ResidPost(layer).Compute(h.Add(moved)), nil
}
