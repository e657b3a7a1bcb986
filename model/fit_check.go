package model

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// A fitting is a checked fit: what its steps run.
type fitting struct {
	Fit
	free     map[string][]int // shapes of the free tensors
	names    []string         // of those to be found
	lowest   int              // first block of a step; the number of blocks: only the unembedding
	ends     bool             // what is behind the last block is made in front of the unembedding
	below    []hook.Edit      // those before it
	far      []hook.ID        // what formulas of a step read of blocks before it
	ofBase   []hook.ID        // what they read of the base run
	ofSource []hook.ID        // and of the source run
	own      []int            // metrics that are KLs from the base run
	starts   []int            // first position that a step runs of each row; nil: all
	past     []hook.ID        // keys and values before these, of the base run
}

func (f Fit) check(c config.Config) error {
	_, err := f.resolve(c, nil)
	return err
}

// resolve checks a fit and finds what its steps run. encode is as in Request.job.
func (f Fit) resolve(c config.Config, encode func(string) ([]int32, error)) (*fitting, error) {
	fail := func(format string, args ...any) (*fitting, error) { return nil, fmt.Errorf("fit: "+format, args...) }
	for _, r := range []Request{f.Base, f.Source} {
		if r.err != nil {
			return nil, r.err
		}
		if r.From != 0 || r.Until != 0 || r.Resid != nil || len(r.Captures)+len(r.Grads)+len(r.Weigh)+len(r.GradOf) > 0 {
			return fail("the base and the source have rows, edits and metrics alone")
		}
	}
	if len(f.Source.Metrics) > 0 {
		return fail("metrics are read of the base, not of the source")
	}
	t := &fitting{Fit: f, free: map[string][]int{}}
	var err error
	if t.Base.Rows, _, err = strip(f.Base); err != nil {
		return nil, err
	}
	t.Base.Mask = nil
	if f.Source.Rows != nil {
		if t.Source.Rows, _, err = strip(f.Source); err != nil {
			return nil, err
		}
		t.Source.Mask = nil
		if len(t.Source.Rows) != len(t.Base.Rows) {
			return fail("the source has %d rows, the base %d; they are paired row by row", len(t.Source.Rows), len(t.Base.Rows))
		}
		if _, _, err := t.Source.job(c, encode); err != nil {
			return fail("source: %w", err)
		}
	}
	if len(f.Loss) == 0 {
		t.Loss = []Loss{{}}
	}
	if err := t.numbers(); err != nil {
		return nil, fmt.Errorf("fit: %w", err)
	}
	may := allowed{base: true, source: f.Source.Rows != nil, donors: lengths(t.Source.Rows), free: true, own: true}
	job, _, err := t.Base.jobWith(c, encode, may)
	if err != nil {
		return nil, fmt.Errorf("fit: %w", err)
	}
	if err := t.tensors(); err != nil {
		return nil, fmt.Errorf("fit: %w", err)
	}
	if err := t.losses(c); err != nil {
		return nil, fmt.Errorf("fit: %w", err)
	}
	if err := t.reads(c); err != nil {
		return nil, fmt.Errorf("fit: %w", err)
	}
	t.starts = t.startsOf(c, job)
	if t.Edges != nil {
		t.lowest, t.starts = 0, nil
		if err := t.Edges.check(c, t, encode); err != nil {
			return nil, fmt.Errorf("fit: edges: %w", err)
		}
	}
	return t, t.goesOn()
}

// numbers checks the settings and puts defaults in the place of zeros.
func (t *fitting) numbers() error {
	o := &t.Optimizer
	o.Kind = cmp.Or(o.Kind, "adam")
	o.Rate, o.Beta1, o.Beta2, o.Epsilon = cmp.Or(o.Rate, 1e-3), cmp.Or(o.Beta1, .9), cmp.Or(o.Beta2, .999), cmp.Or(o.Epsilon, 1e-8)
	switch {
	case t.Steps < 1:
		return errors.New("it has no steps")
	case t.Batch < 0 || t.Batch > len(t.Base.Rows):
		return fmt.Errorf("a batch of %d of %d rows", t.Batch, len(t.Base.Rows))
	case t.Together < 0 || len(t.Base.Rows)%max(1, t.Together) != 0 || t.Batch%max(1, t.Together) != 0:
		return fmt.Errorf("%d rows drawn together, of %d rows in batches of %d; they must divide both", t.Together, len(t.Base.Rows), t.Batch)
	case t.windowed() && (t.Window[0] < 0 || t.Window[1] <= t.Window[0] || t.Window[1] > t.Steps):
		return fmt.Errorf("a window of steps %d to %d, of %d", t.Window[0], t.Window[1], t.Steps)
	case t.windowed() && (t.Batch == 0 || len(t.Base.Rows) != (t.Window[1]-t.Window[0])*t.Batch):
		return fmt.Errorf("%d rows for the steps %d to %d of %d rows each", len(t.Base.Rows), t.Window[0], t.Window[1], t.Batch)
	case o.Kind != "adam" && o.Kind != "sgd":
		return fmt.Errorf("optimizer %q is not known; there are adam and sgd", o.Kind)
	case !slices.Contains([]string{"", "constant", "linear", "cosine"}, o.Schedule):
		return fmt.Errorf("schedule %q is not known; there are constant, linear and cosine", o.Schedule)
	case !(o.Rate > 0) || !(t.Clip >= 0) || o.WarmUp < 0 || !(o.Decay >= 0):
		return fmt.Errorf("a rate of %g, a bound of %g, a warm-up of %d steps, a decay of %g; none may be negative", o.Rate, t.Clip, o.WarmUp, o.Decay)
	case o.Kind == "adam" && (o.Momentum != 0 || o.Nesterov):
		return errors.New("momentum is of SGD; Adam has Beta1")
	}
	return nil
}

// tensors checks that every free tensor gets its values from somewhere.
func (t *fitting) tensors() error {
	formulas := make([]formula.Expr, 0, len(t.Base.Edits)+1)
	for _, e := range t.Base.Edits {
		formulas = append(formulas, e.Formula)
	}
	if t.Edges != nil {
		formulas = append(formulas, t.Edges.Cut)
		for _, l := range t.Loss { // multipliers are in penalties alone
			formulas = append(formulas, l.Penalty)
		}
	}
	for _, f := range formulas {
		for _, s := range f.Tensors() {
			if s.Values == nil {
				t.free[s.Name] = s.Shape
			}
		}
	}
	from := map[string]bool{}
	claim := func(name string) error {
		if t.free[name] == nil {
			return fmt.Errorf("no formula has a free tensor %q; %s", name, t.frees())
		}
		if from[name] {
			return fmt.Errorf("tensor %q is named twice", name)
		}
		from[name] = true
		return nil
	}
	if len(t.Find) == 0 {
		return fmt.Errorf("nothing is to be found; %s", t.frees())
	}
	for _, p := range t.Find {
		if err := claim(p.Name); err != nil {
			return err
		}
		t.names = append(t.names, p.Name)
		shape := t.free[p.Name]
		if p.Start != nil {
			if err := p.Start.Err(); err != nil {
				return fmt.Errorf("start of %s: %w", p.Name, err)
			}
			if !slices.Equal(p.Start.Shape(), shape) {
				return fmt.Errorf("start of %s: shape %v; the formula has %v", p.Name, formula.Dims(p.Start.Shape()), formula.Dims(shape))
			}
		}
		if p.Orthogonal && (len(shape) != 2 || shape[0] < shape[1]) {
			return fmt.Errorf("tensor %s %v can't have orthonormal columns; it must be a matrix with at least as many rows as columns", p.Name, formula.Dims(shape))
		}
	}
	for _, n := range t.Noise {
		if err := claim(n.Name); err != nil {
			return err
		}
	}
	for _, n := range t.Change {
		if err := claim(n.Name); err != nil {
			return err
		}
		if !slices.Equal(t.free[n.Name], []int{1}) {
			return fmt.Errorf("tensor %s %v changes with the steps; it must be of one value, [1]", n.Name, formula.Dims(t.free[n.Name]))
		}
	}
	for name := range t.free {
		if !from[name] {
			return fmt.Errorf("tensor %s is free; find it, bind it, draw it as noise, or let it change with the steps", name)
		}
	}
	return nil
}

func (t *fitting) frees() string {
	var names []string
	for name := range t.free {
		names = append(names, name)
	}
	slices.Sort(names)
	return fmt.Sprintf("free are %q", names)
}

// losses checks the terms of the loss.
func (t *fitting) losses(c config.Config) error {
	for i, l := range t.Loss {
		switch {
		case len(l.Penalty.Steps) > 0:
			if _, err := l.Penalty.Shapes(formula.Shapes{Free: true}); err != nil {
				return fmt.Errorf("loss %d: %w", i, err)
			}
			if readsActivations(l.Penalty) {
				return fmt.Errorf("loss %d: a penalty is a formula of tensors alone; label what depends on activations, and give it as Value", i)
			}
			for _, s := range l.Penalty.Tensors() {
				if shape, ok := t.free[s.Name]; s.Values == nil && (!ok || !slices.Equal(shape, s.Shape)) {
					return fmt.Errorf("loss %d: tensor %s %v; in the formulas %s", i, s.Name, formula.Dims(s.Shape), t.frees())
				}
			}
		case l.Value.Kind != "":
			if l.Value.Value == "" {
				return fmt.Errorf("loss %d: %s is an activation; label the value of a formula", i, l.Value)
			}
			if _, err := c.LabelDims(l.Value, t.Base.Edits); err != nil {
				return fmt.Errorf("loss %d: %w", i, err)
			}
		case l.Metric < 0 || l.Metric >= len(t.Base.Metrics):
			return fmt.Errorf("loss %d: metric %d of %d; give the base a metric, or the loss a labelled value", i, l.Metric, len(t.Base.Metrics))
		case !t.Base.Metrics[l.Metric].differentiable():
			return fmt.Errorf("loss %d: the metric %q has no gradient", i, t.Base.Metrics[l.Metric].Kind)
		case t.Base.Metrics[l.Metric].Kind == KindLinear && t.Base.Metrics[l.Metric].Functional.Batch != nil:
			return fmt.Errorf("loss %d: a linear metric of some rows; a fit draws rows", i)
		}
	}
	for i, m := range t.Base.Metrics {
		if m.Kind == KindKL && m.Reference == nil {
			t.own = append(t.own, i)
		}
	}
	return nil
}

// hasFree tells whether an edit's formula has a free tensor.
func hasFree(e hook.Edit) bool {
	return slices.ContainsFunc(e.Formula.Tensors(), func(s formula.Step) bool { return s.Values == nil })
}

// windowed tells whether the rows are those of some steps, in their order.
func (f Fit) windowed() bool { return f.Window != [2]int{} }

// goesOn checks that an earlier fit found the same tensors.
func (t *fitting) goesOn() error {
	if before := t.Window[0]; before > 0 && (t.From == nil || len(t.From.Curve) < before) {
		return fmt.Errorf("fit: a window from step %d on goes on from a fit of as many", before)
	}
	if t.From == nil {
		return nil
	}
	if len(t.From.Curve) > t.Steps {
		return fmt.Errorf("fit: the one that it goes on from has %d steps already, of %d", len(t.From.Curve), t.Steps)
	}
	for _, name := range t.names {
		if got := t.From.Tensor(name).Shape(); !slices.Equal(got, t.free[name]) {
			return fmt.Errorf("fit: the one that it goes on from has %s %v, not %v", name, formula.Dims(got), formula.Dims(t.free[name]))
		}
	}
	return nil
}

func lengths(rows [][]int32) []int {
	if rows == nil {
		return nil
	}
	lens := make([]int, len(rows))
	for i, row := range rows {
		lens[i] = len(row)
	}
	return lens
}
