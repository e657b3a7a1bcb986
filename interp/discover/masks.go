package discover

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/formula"
)

// A MaskMethod is a way to learn which edges are kept.
type MaskMethod string

// The ways.
const (
	// SubnetworkProbing keeps each edge by a hard-concrete gate, and pays for open ones.
	// Cao et al. 2021; Conmy et al. 2023.
	SubnetworkProbing MaskMethod = "subnetwork probing"
	// EdgePruning has the same gates, and two multipliers that hold the share of closed
	// ones at a target which rises. Bhaskar et al. 2024.
	EdgePruning MaskMethod = "edge pruning"
	// UGS samples gates by a uniform draw in a window around the probability to be
	// cut, and pays for probabilities. Li and Janson 2024.
	UGS MaskMethod = "uniform gradient sampling"
	// MAttr keeps a soft top k of learned scores, with another k each step: one fit
	// ranks the edges for circuits of every size. Arora et al. 2026.
	MAttr MaskMethod = "Matryoshka attribution"
)

// Budgets say how often circuits of each size count, by MAttr and [MaskIG].
type Budgets string

// The distributions of sizes.
const (
	UniformBudgets Budgets = "budgets uniform"
	LogBudgets     Budgets = "budgets uniform in the logarithm"
	LogitBudgets   Budgets = "budgets uniform in the log odds"
)

// weight is what a gradient at masks that keep a share t counts in MaskIG.
func (b Budgets) weight(t float64) float64 {
	switch b {
	case LogBudgets:
		return 2 * t
	case LogitBudgets:
		return 1
	}
	return 6 * t * (1 - t)
}

func (b Budgets) check() error {
	if !slices.Contains([]Budgets{"", UniformBudgets, LogBudgets, LogitBudgets}, b) {
		return fmt.Errorf("there are no %q; there are %q", b, []Budgets{UniformBudgets, LogBudgets, LogitBudgets})
	}
	return nil
}

// Masks are the settings of [Search.Masks]. Zero values are those of the papers but
// for the number of steps, which is for small models.
type Masks struct {
	Method MaskMethod // "" means EdgePruning
	Metric model.Metric
	Steps  int     // 0 means 200
	Batch  int     // prompts of a step; 0: all
	Rate   float64 // 0 means 0.1 of SubnetworkProbing, 0.8 of EdgePruning, 0.05 of others
	Seed   uint64

	// Penalty is what open edges cost in SubnetworkProbing, in all if every one is open
	// (0 means 10), and an edge that is kept in UGS (0 means 0.001).
	Penalty float64

	// Sparsity is the share of edges that EdgePruning closes; 0 means 0.94.
	Sparsity float64

	Budgets Budgets // of MAttr; "" means UniformBudgets
}

// Learned is masks that were learned.
type Learned struct {
	// Scores are minus how much of each edge is kept, so that what is kept is what
	// helps, as in other scores; there are none of single prompts.
	*Scores
	Settings Masks
	Fit      *model.Fitted
	// Kept are the edges that stay: of SubnetworkProbing and UGS those more open than
	// closed, of EdgePruning as many as it held open; nil for MAttr, whose sizes are
	// free.
	Kept *graph.Set
}

// Masks learns shares of edges that are kept, by gradients through runs in which
// the rest is cut. The metric is what [ACDC] takes; its zero value is the divergence
// from the model's predictions.
//
// Two passes and a way back for each step.
func (s *Search) Masks(o Masks) (*Learned, error) {
	r, err := s.masks(o)
	if err != nil {
		return nil, fmt.Errorf("masks of edges: %w", err)
	}
	return r, nil
}

// A gate is what the formulas of a method are, over one number for each pair of
// receiver and sender.
type gate struct {
	cut   formula.Expr // shares that are cut
	keeps formula.Expr // how much is kept, after the fit
	loss  []model.Loss
	find  []model.Find
	noise []model.Noise
	rises []model.Change
	rule  model.Optimizer
	// source is where the method was published.
	source string
}

func (s *Search) masks(o Masks) (*Learned, error) {
	o.Method, o.Steps = cmp.Or(o.Method, EdgePruning), cmp.Or(o.Steps, 200)
	o.Sparsity, o.Budgets = cmp.Or(o.Sparsity, .94), cmp.Or(o.Budgets, UniformBudgets)
	if err := o.Budgets.check(); err != nil {
		return nil, err
	}
	if !(o.Sparsity > 0 && o.Sparsity < 1) || o.Penalty < 0 || o.Rate < 0 {
		return nil, fmt.Errorf("a sparsity of %g, a penalty of %g, a rate of %g", o.Sparsity, o.Penalty, o.Rate)
	}
	w, err := s.check()
	if err != nil {
		return nil, err
	}
	metric, worse := o.Metric, 1.
	if metric.Kind == "" {
		metric = model.Metric{Kind: model.KindKL, At: w.Metric.At} // from the model's own predictions
	} else {
		worse = worseBy(metric)
	}
	m := w.newMask()
	g, err := m.gate(&o)
	if err != nil {
		return nil, err
	}
	fit := model.Fit{Base: w.base(metric), Edges: &model.EdgeMask{Cut: g.cut.Split(m.receivers), Reference: w.reference}, Find: g.find,
		Loss: append([]model.Loss{{Weight: worse}}, g.loss...), Noise: g.noise, Change: g.rises, Optimizer: g.rule, Steps: o.Steps, Batch: o.Batch, Seed: o.Seed}
	got, err := s.Model.Fit(fit)
	if err != nil {
		return nil, err
	}
	return w.learned(o, g, got, m)
}

// worseBy is 1 where a larger metric is worse, else -1.
func worseBy(m model.Metric) float64 {
	if slices.Contains([]model.MetricKind{model.KindKL, model.KindNLL, model.KindRank}, m.Kind) {
		return 1
	}
	return -1
}

// A mask knows which of the numbers are edges.
type mask struct {
	receivers, n, edges int
	is                  *array.Array // [n]: 1 for an edge
}

func (s *search) newMask() *mask {
	R, S := len(s.graph.Receivers), len(s.graph.Senders)
	m := &mask{receivers: R, n: R * S, edges: s.graph.Len(), is: array.New(array.Dim("edge", R*S))}
	for u, v := range s.graph.All().Edges() {
		m.is.Set(1, v*S+u)
	}
	return m
}

// sum is that over edges.
func (m *mask) sum(f formula.Expr) formula.Expr { return f.Mul(formula.Tensor("edges", m.is)).Sum() }

// start is a number for each edge.
func (m *mask) start(v float64) *array.Array {
	a := array.New(array.Dim("edge", m.n))
	for i := range a.Values() {
		a.Values()[i] = float32(v)
	}
	return a
}

func number(v float64) formula.Expr { return formula.Number(float32(v)) }

// gate is the formulas of a method, whose defaults it fills in.
func (m *mask) gate(o *Masks) (*gate, error) {
	free, u := formula.Free("mask", m.n), formula.Free("draws", m.n)
	one := formula.Number(1)
	find := func(start float64) []model.Find { return []model.Find{{Name: "mask", Start: m.start(start)}} }
	// Whose gate is open with this probability.
	open := func(p float64) float64 { q := (p + .1) / 1.2; return math.Log(q / (1 - q)) }
	draws := []model.Noise{{Name: "draws"}}
	switch o.Method {
	case SubnetworkProbing:
		o.Penalty, o.Rate = cmp.Or(o.Penalty, 10), cmp.Or(o.Rate, .1)
		return &gate{
			cut: one.Sub(formula.HardConcrete(free, u)), keeps: formula.HardConcreteMean(free), find: find(open(.9)), noise: draws,
			loss:   []model.Loss{{Penalty: m.sum(formula.HardConcreteOpen(free)), Weight: o.Penalty / float64(m.edges)}},
			rule:   model.Optimizer{Rate: o.Rate},
			source: "Cao et al. 2021; Conmy et al. 2023",
		}, nil
	case EdgePruning:
		o.Rate = cmp.Or(o.Rate, .8)
		// The multipliers rise as long as too few are closed.
		left := formula.Free("target", 1).Sub(one).Add(m.sum(formula.HardConcreteOpen(free)).Scale(1 / float32(m.edges)))
		first, second := formula.Free("first multiplier", 1), formula.Free("second multiplier", 1)
		zero := array.New(array.Dim("one", 1))
		return &gate{
			cut: one.Sub(formula.HardConcrete(free, u)), keeps: formula.HardConcreteMean(free), noise: draws,
			find:   append(find(open(.99)), model.Find{Name: "first multiplier", Start: zero, Rate: -1}, model.Find{Name: "second multiplier", Start: zero, Rate: -1}),
			loss:   []model.Loss{{Penalty: first.Mul(left).Add(second.Mul(left.Mul(left)))}},
			rises:  []model.Change{{Name: "target", From: 0, To: float32(o.Sparsity)}},
			rule:   model.Optimizer{Rate: o.Rate},
			source: "Bhaskar et al. 2024",
		}, nil
	case UGS:
		o.Penalty, o.Rate = cmp.Or(o.Penalty, .001), cmp.Or(o.Rate, .05)
		p := free.Sigmoid()
		window := p.Mul(one.Sub(p)).Stop()
		// The gradient does not hang on the window.
		moved := p.Mul(window).Add(p.Sub(p.Mul(window)).Stop())
		cut := u.Sub(moved).Div(window.Add(number(1e-6))).Add(number(.5)).Max(number(0)).Min(one)
		return &gate{
			cut: cut, keeps: p, find: find(1), noise: draws, loss: []model.Loss{{Penalty: m.sum(p), Weight: o.Penalty}},
			rule: model.Optimizer{Rate: o.Rate, Beta2: .995, Decay: .01}, source: "Li and Janson 2024",
		}, nil
	case MAttr:
		o.Rate = cmp.Or(o.Rate, .05)
		keep := m.softTop(free, m.budget(o.Budgets))
		return &gate{
			cut: one.Sub(keep), keeps: free.Scale(1 / softness).Sigmoid(), find: find(0), noise: []model.Noise{{Name: "budget"}},
			rule: model.Optimizer{Rate: o.Rate}, source: "Arora et al. 2026",
		}, nil
	}
	return nil, fmt.Errorf("there is no method %q; there are %q", o.Method, []MaskMethod{SubnetworkProbing, EdgePruning, UGS, MAttr})
}

// softness is the temperature of a soft top k.
const softness = 0.5

// budget is how many edges are kept, by a uniform draw.
func (m *mask) budget(b Budgets) formula.Expr {
	u, most := formula.Free("budget", 1), math.Log(float64(m.edges))
	switch b {
	case LogBudgets:
		return u.Scale(float32(most)).Exp()
	case LogitBudgets:
		return u.Sub(number(.5)).Scale(float32(2 * most)).Sigmoid().Scale(float32(m.edges))
	}
	return u.Scale(float32(m.edges - 1)).Add(number(1))
}

// softTop is sigmoid((s - t)/T) with the t that makes its sum k: found by bisection,
// and a last step whose gradient is that of t.
func (m *mask) softTop(s, k formula.Expr) formula.Expr {
	at := func(s, t formula.Expr) formula.Expr { return s.Sub(t).Scale(1 / softness).Sigmoid() }
	const far = 8 * softness // sigmoid(8) leaves 3 of 10,000
	still := s.Stop()
	lo, hi := still.Neg().Largest().Neg().Sub(number(far)), still.Largest().Add(number(far))
	for range 20 {
		mid := lo.Add(hi).Scale(.5)
		many := m.sum(at(still, mid)).Greater(k)
		lo, hi = many.Where(mid, lo), many.Where(hi, mid)
	}
	t := lo.Add(hi).Scale(.5).Stop()
	p := at(s, t)
	slope := m.sum(at(still, t).Mul(formula.Number(1).Sub(at(still, t)))).Scale(1 / softness)
	t = t.Add(m.sum(p).Sub(k).Div(slope.Add(number(1e-9)).Stop()))
	return at(s, t)
}

// learned are the scores of a fit.
func (s *search) learned(o Masks, g *gate, got *model.Fitted, m *mask) (*Learned, error) {
	values := got.Tensor("mask")
	if err := values.Err(); err != nil {
		return nil, err
	}
	kept := values.Values()
	squash := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	keeps := func(x float64) float64 { return math.Max(0, math.Min(1, squash(x)*1.2-.1)) }
	switch o.Method {
	case UGS:
		keeps = squash
	case MAttr:
		keeps = func(x float64) float64 { return squash(x / softness) }
	}
	r := &Learned{Settings: o, Fit: got, Scores: &Scores{Graph: s.graph, Result: &interp.Result{
		Array: s.graph.Scores().Named("minus what is kept", ""), Source: g.source, Provenance: got.Provenance,
		Method: fmt.Sprintf("%s, %d steps on %d prompts, %s in place of what is cut", o.Method, o.Steps, len(s.Clean.IDs), s.instead),
	}}}
	S := len(s.graph.Senders)
	order := s.graph.Scores()
	for u, v := range s.graph.All().Edges() {
		x := float64(kept[v*S+u])
		r.Set(-keeps(x), u, v)
		order.Set(x, u, v)
	}
	var err error
	switch o.Method {
	case SubnetworkProbing, UGS:
		r.Kept, err = s.graph.Above(r.helping(), .5, graph.Signed)
	case EdgePruning:
		r.Kept, err = s.graph.Top(order, int(math.Round((1-o.Sparsity)*float64(m.edges))), graph.Signed)
	}
	if err == nil && r.Kept != nil {
		r.Kept = r.Kept.Prune()
	}
	return r, err
}

// MaskIG is an integrated gradient over masks: the mean of the metric's derivative
// by what is cut of each edge, at runs in which all edges are cut by the same share.
// It is what [MAttr] would do first; see [Budgets] for the weights of sizes.
const MaskIG Method = "mask-space IG"

// maskIG scores by integrated gradients over masks.
func (s *search) maskIG(o Scoring) (*Scores, error) {
	if err := o.Weight.check(); err != nil {
		return nil, err
	}
	R, S := len(s.graph.Receivers), len(s.graph.Senders)
	rows := len(s.Clean.IDs)
	sum, all := make([]float64, rows*R*S), 0.
	var p model.Provenance
	for i := range o.Steps {
		keep := (float64(i) + .5) / float64(o.Steps)
		cut, err := s.evenly(1 - keep)
		if err != nil {
			return nil, err
		}
		got, err := s.Model.EdgeScores(model.EdgeScores{Base: s.base(s.Metric), Reference: s.reference, Shares: cut})
		if err != nil {
			return nil, err
		}
		weight := o.Weight.weight(keep)
		all += weight
		p = got.Provenance
		for k, v := range got.PerRow.Values() {
			sum[k] += weight * float64(v)
		}
	}
	base, err := s.Model.Run(s.base(s.Metric))
	if err != nil {
		return nil, err
	}
	scores := s.newScores(o, "Arora et al. 2026", p)
	scores.Base = float64s(base.PerRow(0).Values())
	for row := range rows {
		scores.put(row, func(sender, receiver int) float32 { return float32(sum[(row*R+receiver)*S+sender] / all) })
	}
	return scores.mean(), nil
}

// evenly cuts every edge by the same share.
func (s *search) evenly(share float64) ([]edge.Cut, error) {
	S := len(s.graph.Senders)
	a := array.New(array.Dim("receiver", len(s.graph.Receivers)), array.Dim("sender", S))
	for u, v := range s.graph.All().Edges() {
		a.Set(share, v, u)
	}
	return []edge.Cut{{Name: fmt.Sprintf("%.3g of each", share), Share: a}}, a.Err()
}
