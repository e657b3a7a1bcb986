package discover

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// A Method is a way to score every edge of a model.
type Method string

// The methods. All estimate by how much the metric changes if the edge alone is cut;
// Exact measures it. Negative scores say that the metric falls.
const (
	// EAP is edge attribution patching: what the sender writes in the reference less
	// what it writes in the clean run, times the gradient at the receiver there.
	// Syed et al. 2023.
	EAP Method = "EAP"
	// InputsIG takes the mean gradient of runs whose token embeddings lie between the
	// reference's and the clean ones. Hanna et al. 2024.
	InputsIG Method = "EAP-IG inputs"
	// ActivationsIG takes it over runs in which one sender at a time, the heads of a
	// layer together, lies between: as many runs more as there are of them.
	ActivationsIG Method = "EAP-IG activations"
	// CleanCorrupted takes the mean of the gradients of the clean run and of one with
	// the reference's embeddings.
	CleanCorrupted Method = "clean-corrupted"
	// RelP takes the gradient of a model made linear around the clean run: norms'
	// scales are held fixed, an activation function passes on its value over its
	// input, and of a product of two branches each takes half. Jafari et al. 2025.
	RelP Method = "RelP"
	// Exact cuts each edge by itself, the yardstick of all others.
	Exact Method = "exact"
	// Proximity scores by information flow alone, without a metric: minus the share of
	// what the sender writes in what the receiver reads, by proximity (see [Flows]), the
	// mean over positions. What no sender writes, such as biases, is no part. It is as in
	// EAP-IG's program.
	Proximity Method = "information flow"
)

// Methods are all methods, the cheapest first.
func Methods() []Method {
	return []Method{Proximity, EAP, RelP, CleanCorrupted, InputsIG, MaskIG, ActivationsIG, Exact}
}

// Scoring says how edges are scored. The zero value is EAP.
type Scoring struct {
	Method Method // "" means EAP

	// Steps are the runs between the reference and the clean run; 0 means 5.
	Steps int

	// AtClean makes the steps of InputsIG those of the paper, which end at the clean
	// run: k/m for k = 1 to m. As published in code they begin at the reference and
	// leave the clean run out: k = 0 to m-1. ActivationsIG always has the former.
	AtClean bool

	// Patterns, in RelP, holds attention patterns fixed too (the AH rule).
	Patterns bool

	// Weight, in MaskIG, is how much circuits of each size count; "" means
	// UniformBudgets.
	Weight Budgets
}

// scorer is a method of gradients: the runs whose gradients are averaged.
type scorer struct {
	source string
	clean  bool // the gradient is that of the clean run alone
	runs   func(s *search, o Scoring) ([][]hook.Edit, error)
}

var scorers = map[Method]scorer{
	EAP: {"Syed et al. 2023", true, func(*search, Scoring) ([][]hook.Edit, error) { return nil, nil }},
	InputsIG: {"Hanna et al. 2024", false, func(s *search, o Scoring) ([][]hook.Edit, error) {
		first := 0
		if o.AtClean {
			first = 1
		}
		return s.toward(steps(first, o.Steps), s.first())
	}},
	ActivationsIG: {"Hanna et al. 2024", false, (*search).activations},
	CleanCorrupted: {"EAP-IG's program", false, func(s *search, _ Scoring) ([][]hook.Edit, error) {
		runs, err := s.toward([]float32{1}, s.first())
		return append(runs, []hook.Edit{}), err
	}},
	RelP: {"Jafari et al. 2025", true, func(s *search, o Scoring) ([][]hook.Edit, error) {
		return [][]hook.Edit{relevance(s.Model, o.Patterns)}, nil
	}},
}

// steps are how far runs k = first.. of n lie from the clean run, which is k = n.
func steps(first, n int) []float32 {
	shares := make([]float32, n)
	for i := range shares {
		shares[i] = 1 - float32(first+i)/float32(n)
	}
	return shares
}

// activations are the runs of ActivationsIG: of each step those in which one point is
// edited.
func (s *search) activations(o Scoring) (all [][]hook.Edit, err error) {
	runs, err := s.toward(steps(1, o.Steps), s.senders()...)
	for _, edits := range runs {
		for _, e := range edits {
			all = append(all, []hook.Edit{e})
		}
	}
	return all, err
}

// relevance is edits that change no value and make the way back RelP's.
func relevance(m *model.Model, patterns bool) (edits []hook.Edit) {
	stop := func(p hook.Point) { edits = append(edits, p.Compute(formula.Here().Stop())) }
	c := m.Config()
	for l := range c.Layers {
		for _, k := range c.BlockKinds() {
			if k.Axes()[len(k.Axes())-1] == "scale" {
				stop(hook.Point{ID: hook.ID{Kind: k, Layer: l}})
			}
		}
		if patterns {
			stop(hook.Pattern(l))
		}
		if c.AttnOnly() {
			continue
		}
		y, pre := formula.Here(), formula.At(hook.MLPPre(l).String())
		through := passed(y, pre)
		if c.Gated {
			through = through.Add(passed(y, formula.At(hook.MLPPreLinear(l).String()))).Scale(0.5)
		}
		edits = append(edits, hook.MLPPost(l).Compute(through))
	}
	if final := hook.LNFinalScale(); c.Has(final.ID) {
		stop(final)
	}
	return edits
}

// passed is y, whose gradient goes to x as if y were x times a constant.
func passed(y, x formula.Expr) formula.Expr {
	sign := x.Greater(formula.Number(0)).Add(formula.Number(-0.5)).Scale(2)
	return x.Mul(y.Div(x.Add(sign.Scale(1e-6))).Stop())
}

// A Scores is the scores of all edges [sender, receiver], NaN where there is no
// edge, with those of each prompt as samples.
type Scores struct {
	*interp.Result
	Graph  *graph.Graph
	Base   []float64 // the metric of the clean run [sample]
	Passes int       // of the batch that they took; a way back counts as two
}

// Scores scores every edge by the mean over prompts. Passes: two and a way back for
// EAP and RelP; a pass and a way back more for each step of the others; for Exact a
// run of what is above each edge.
func (s *Search) Scores(o Scoring) (*Scores, error) {
	out, err := s.scores(o)
	if err != nil {
		return nil, fmt.Errorf("scores of edges: %w", err)
	}
	return out, nil
}

func (s *Search) scores(o Scoring) (*Scores, error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	w, err := s.check()
	if err != nil {
		return nil, err
	}
	scores, err := w.score(o)
	if err == nil {
		scores.Passes = w.passes
	}
	return scores, err
}

// score scores by a method.
func (s *search) score(o Scoring) (*Scores, error) {
	switch o.Method {
	case Exact:
		return s.exact()
	case MaskIG:
		return s.maskIG(o)
	case Proximity:
		return s.proximities(o)
	}
	by := scorers[o.Method]
	if by.clean && s.Metric.Kind == model.KindKL {
		return nil, fmt.Errorf("%s: the divergence from the clean run has no gradient there; take the task's metric, or InputsIG", o.Method)
	}
	if by.clean || o.Method == CleanCorrupted {
		o.Steps = 0
	}
	got, _, err := s.edgeScores(by, o, false)
	if err != nil {
		return nil, err
	}
	scores := s.newScores(o, by.source, got.Provenance)
	S, R := len(s.graph.Senders), len(s.graph.Receivers)
	values := got.PerRow.Values()
	for row := range s.Clean.IDs {
		scores.Base = append(scores.Base, got.Base.At(row))
		scores.put(row, func(sender, receiver int) float32 { return values[(row*R+receiver)*S+sender] })
	}
	return scores.mean(), nil
}

// edgeScores are the scores of all edges by a method, and the runs in which it takes
// gradients.
func (s *search) edgeScores(by scorer, o Scoring, byPosition bool) (*model.EdgeScoresResult, [][]hook.Edit, error) {
	ask := model.EdgeScores{Base: s.base(s.Metric), Reference: s.reference, ByPosition: byPosition}
	// What can be known to be wrong is said before runs are made.
	err := s.Model.Check(ask)
	if err != nil {
		return nil, nil, err
	}
	if ask.Runs, err = by.runs(s, o); err != nil {
		return nil, nil, err
	}
	got, err := s.Model.EdgeScores(ask)
	return got, ask.Runs, err
}

func (o *Scoring) defaults() error {
	if o.Method == "" {
		o.Method = EAP
	}
	if !slices.Contains(Methods(), o.Method) {
		return fmt.Errorf("there is no method %q; there are %q", o.Method, Methods())
	}
	if o.Steps == 0 {
		o.Steps = 5
	}
	if o.Steps < 1 {
		return fmt.Errorf("%d steps; one is the least", o.Steps)
	}
	return nil
}

// String names the method and its settings.
func (o Scoring) String() string {
	s := string(o.Method)
	switch {
	case o.Method == InputsIG && o.AtClean:
		return fmt.Sprintf("%s, %d steps to the clean run", s, o.Steps)
	case o.Method == RelP && o.Patterns:
		return s + ", patterns held fixed"
	case o.Method == MaskIG:
		return fmt.Sprintf("%s, %d steps, %s", s, o.Steps, cmp.Or(o.Weight, UniformBudgets))
	case o.Steps > 0 && o.Method != Exact && o.Method != Proximity:
		return fmt.Sprintf("%s, %d steps", s, o.Steps)
	}
	return s
}

// newScores are scores to be put in.
func (s *search) newScores(o Scoring, source string, p model.Provenance) *Scores {
	shape := s.graph.Scores()
	axes := shape.Axes()
	return &Scores{Graph: s.graph, Result: &interp.Result{
		Array: shape, Samples: array.New(array.Dim("sample", len(s.Clean.IDs)), axes[0], axes[1]), Source: source, Provenance: p,
		Method: fmt.Sprintf("%s on %d prompts, %s in place of what is cut", o, len(s.Clean.IDs), s.instead),
	}}
}

// put sets the scores of a prompt.
func (s *Scores) put(row int, score func(sender, receiver int) float32) {
	S, R := len(s.Graph.Senders), len(s.Graph.Receivers)
	to, is := s.Samples.Values()[row*S*R:][:S*R], s.Values()
	for u := range S {
		for v := range R {
			i := u*R + v
			if to[i] = is[i]; is[i] == is[i] { // an edge
				to[i] = score(u, v)
			}
		}
	}
}

// mean takes the mean over prompts.
func (s *Scores) mean() *Scores {
	all := make([]int, len(s.Base))
	for i := range all {
		all[i] = i
	}
	s.Array = s.over(all)
	return s
}

// over are the scores on some of the prompts, of which one may be named twice.
func (s *Scores) over(prompts []int) *array.Array {
	out := array.New(s.Axes()...).Named("scores of edges", "change of the metric")
	size := len(out.Values())
	sum := make([]float64, size)
	for _, row := range prompts {
		for i, v := range s.Samples.Values()[row*size:][:size] {
			sum[i] += float64(v)
		}
	}
	for i, v := range sum {
		out.Values()[i] = float32(v / float64(len(prompts)))
	}
	return out
}
