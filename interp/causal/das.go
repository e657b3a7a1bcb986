package causal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/golens/golens/interp/steer"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// A Kind is what of an activation a search looks for.
type Kind string

// The kinds.
const (
	// Rotation is k orthonormal directions, what lies along which is exchanged: DAS
	// with the k columns of a rotation alone (Geiger et al. 2023).
	Rotation Kind = ""
	// Boundless is a whole rotation and a soft boundary, up to which its coordinates
	// are exchanged and which is learned with it (Wu et al. 2023).
	Boundless Kind = "boundless"
	// Mask is a soft choice of coordinates as they are, without a rotation: desiderata-
	// based masking (De Cao et al. 2020; Davies et al. 2023).
	Mask Kind = "mask"
)

// DAS is distributed alignment search: what of an activation holds a variable is found
// by gradients, such that the model's answer after an exchange is the causal model's.
type DAS struct {
	Kind Kind
	K    int // directions of a Rotation; 0 means 1

	// Code, of a Mask, makes the coordinates a dictionary's features, with its error kept:
	// which of them hold the variable. Its width is the activation's.
	Code Code

	// LogitDifference makes the logit of the right answer larger than the mean of the
	// other options'; otherwise its log probability is made large.
	LogitDifference bool

	Steps int     // 0 means 300
	Batch int     // pairs of a step; 0 means 32
	Rate  float64 // of Adam; 0 means 0.01 (0.1 for a Mask)

	// Temperature is where that of a soft boundary or mask starts; it falls to 0.1 (0.01
	// for a Mask). 0 means a sixteenth of the width for Boundless, 1 for Mask. Theirs is
	// 50 for any width, at which the mask of a narrow activation is a quarter everywhere.
	Temperature float64
	// Sparsity is the weight of the boundary, or of the share of coordinates that a mask
	// takes, in the loss; 0 means 1 for Boundless and 0.1 for Mask; below 0 none.
	Sparsity float64

	Split
	// NoControls leaves the controls out, which take twice the time of the search.
	NoControls bool
}

// A Code is a dictionary of features of an activation, such as a sae.Dictionary.
type Code interface {
	FeaturesOf(activation formula.Expr) formula.Expr
	WrittenBy(features formula.Expr) (formula.Expr, error)
}

// Found is what a search found.
type Found struct {
	Variable string
	Site     Site            // with what was found: to be used in an Alignment
	Subspace *steer.Subspace // nil for a Mask
	Coords   []int           // of a Mask: the coordinates, or features, that it takes
	Boundary float64         // of Boundless: the share of coordinates before it

	Scores *Scores       // "found", and the controls
	Fit    *model.Fitted // its tensors and the course of the loss

	method string
}

// Names of the ways in [Found.Scores].
const (
	WayFound     = "found"
	WaySoft      = "found, soft"       // as it was fitted, before its mask was rounded
	WayEffective = "found, part read"  // the part that the next matrix reads
	WayRandom    = "random"            // a drawn subspace of as many dimensions
	WayNorm      = "random, same norm" // the same, moving the activation as far
	WayLabels    = "arbitrary labels"  // found on, and held to, drawn answers
	WayUntrained = "untrained model"   // found on the model with its matrices drawn anew
)

// Find finds what holds a variable at a site, and tests it on pairs of inputs that it
// was not found on. Beside it, unless they are switched off, stand controls, that all
// should be near what is had without any intervention: the same search for arbitrary
// labels, and on the model with its matrices drawn anew; a drawn subspace of the same
// dimension, and one that moves the activation as far; and, of neurons and heads, the
// part of what was found that the model reads at all ([steer.Subspace.Effective]),
// which should be as good. [Scores.Warnings] say where a control does as well, or that
// part does not.
//
// Accuracy on held-out pairs says that the directions play the variable's part on such
// inputs. It does not say that they are the model's own: a search may find ones that
// the model never uses by itself. Source: Geiger et al. 2023, "Finding Alignments
// Between Interpretable Causal Variables and Distributed Neural Representations";
// controls: Arora et al. 2024, Makelov et al. 2023.
func (f DAS) Find(m *model.Model, d *Data, variable string, at Site) (*Found, error) {
	return f.FindContext(context.Background(), m, d, variable, at)
}

// FindContext is [DAS.Find] that stops when the context ends.
func (f DAS) FindContext(ctx context.Context, m *model.Model, d *Data, variable string, at Site) (*Found, error) {
	found, err := f.find(ctx, m, d, variable, at)
	if err != nil {
		return nil, fmt.Errorf("DAS of %s at %s: %w", variable, at.Point, err)
	}
	return found, nil
}

func (f DAS) find(ctx context.Context, m *model.Model, d *Data, variable string, at Site) (*Found, error) {
	s, err := f.start(m, d, variable, at)
	if err != nil {
		return nil, err
	}
	found, err := s.fit(ctx, m, s.labels[0])
	if err != nil {
		return nil, err
	}
	ways := []way{{WayFound, m, found.Site, s.labels}}
	if soft, is := s.soft(found.Fit); is {
		ways = append(ways, way{WaySoft, m, soft, s.labels})
	}
	if !f.NoControls {
		controls, err := s.controls(ctx, m, found)
		if err != nil {
			return nil, fmt.Errorf("controls: %w", err)
		}
		ways = append(ways, controls...)
	}
	if found.Scores, err = d.score(ways, s.pairs, s.method(), "Geiger et al. 2023"); err != nil {
		return nil, err
	}
	found.Scores.doubt()
	return found, nil
}

// A search is a DAS at a site, with its defaults and its pairs.
type search struct {
	DAS
	data     *Data
	variable string
	site     Site
	width    int // coordinates
	pairs    [2][]Pair
	labels   [2][]string
}

func (f DAS) start(m *model.Model, d *Data, variable string, at Site) (*search, error) {
	s := &search{DAS: f, data: d, variable: variable, site: at}
	if err := at.check(); err != nil {
		return nil, err
	}
	c := m.Config()
	dims := c.Dims(at.Point.Kind, 1)
	s.width = dims[len(dims)-1]
	switch {
	case at.Subspace != nil || at.By != nil || at.Point.Coords != nil:
		return nil, errors.New("the site selects a subspace or coordinates already")
	case f.Code != nil:
		if f.Kind != Mask {
			return nil, errors.New("a dictionary's features are chosen by a Mask")
		}
		features, err := f.Code.FeaturesOf(formula.Here()).Check(formula.Shapes{Here: dims[1:]})
		if err != nil {
			return nil, fmt.Errorf("the dictionary's features: %w", err)
		}
		if s.width = features[0]; len(features) != 1 {
			return nil, fmt.Errorf("the dictionary gives %v; features are a list", formula.Dims(features))
		}
		if _, err := f.Code.WrittenBy(f.Code.FeaturesOf(formula.Here())); err != nil {
			return nil, err
		}
	case at.Point.Kind.HeadAxis() >= 0 && at.Point.Heads == nil:
		return nil, errors.New("the activation has heads; select which")
	case at.Point.Kind.HeadAxis() >= 0:
		s.width *= len(at.Point.Heads)
	}
	if _, err := d.Model.Variable(variable); err != nil {
		return nil, err
	}
	s.K, s.Steps, s.Batch = cmp.Or(f.K, 1), cmp.Or(f.Steps, 300), cmp.Or(f.Batch, 32)
	switch f.Kind {
	case Rotation:
		s.Rate = cmp.Or(f.Rate, .01)
	case Boundless:
		s.Rate, s.Temperature, s.Sparsity = cmp.Or(f.Rate, .01), cmp.Or(f.Temperature, float64(s.width)/16), cmp.Or(f.Sparsity, 1)
	case Mask:
		s.Rate, s.Temperature, s.Sparsity = cmp.Or(f.Rate, .1), cmp.Or(f.Temperature, 1), cmp.Or(f.Sparsity, .1)
	default:
		return nil, fmt.Errorf("kind %q is not known; there are rotation (empty), boundless and mask", f.Kind)
	}
	if s.Kind == Rotation && (s.K < 1 || s.K > s.width) {
		return nil, fmt.Errorf("%d directions of %d coordinates", s.K, s.width)
	}
	var err error
	if s.pairs, err = f.Split.pairs(d); err != nil {
		return nil, err
	}
	s.Batch = min(s.Batch, len(s.pairs[0]))
	for side := range s.pairs {
		if s.labels[side], err = d.labels(s.pairs[side], []string{variable}); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *search) method() string {
	return fmt.Sprintf("distributed alignment search, %s, %d steps of %d pairs, %d pairs to find on, %d held out",
		s.what(), s.Steps, s.Batch, len(s.pairs[0]), len(s.pairs[1]))
}

func (s *search) what() string {
	switch s.Kind {
	case Boundless:
		return "boundless"
	case Mask:
		if s.Code != nil {
			return "a mask of features"
		}
		return "a mask of coordinates"
	}
	return fmt.Sprintf("%d directions of %d", s.K, s.width)
}

// The tensors that searches find.
const (
	rotationTensor    = "R"
	boundaryTensor    = "boundary"
	maskTensor        = "mask"
	temperatureTensor = "temperature"
)

// exchange is the activation after a soft exchange; tensors are free.
func (s *search) exchange(source formula.Expr) formula.Expr {
	temperature := formula.Free(temperatureTensor, 1)
	if s.Kind == Mask {
		return s.masked(source, formula.Free(maskTensor, s.width).Div(temperature).Sigmoid())
	}
	diff := s.flat(source).Sub(s.flat(formula.Here()))
	switch s.Kind {
	case Boundless:
		R := formula.Free(rotationTensor, s.width, s.width)
		diff = diff.Dot(R).Mul(boundaryMask(s.width, formula.Free(boundaryTensor, 1), temperature)).Dot(R.Transpose())
	default:
		R := formula.Free(rotationTensor, s.width, s.K)
		diff = diff.Dot(R).Dot(R.Transpose())
	}
	return formula.Here().Add(s.shaped(diff))
}

// masked is the activation with the source's coordinates, or features, as far as a mask
// takes them.
func (s *search) masked(source, mask formula.Expr) formula.Expr {
	if s.Code == nil {
		return formula.Here().Add(s.shaped(s.flat(source).Sub(s.flat(formula.Here())).Mul(mask)))
	}
	gained, _ := s.Code.WrittenBy(s.Code.FeaturesOf(source).Sub(s.Code.FeaturesOf(formula.Here())).Mul(mask)) // it was tried
	return formula.Here().Add(gained)
}

// boundaryMask is 1 for coordinates before a share of them, and 0 behind it, softly:
// σ((share · width - i - 1/2) / temperature). Theirs has a lower boundary at 0 too, at
// which the first coordinate stays at one half whatever the temperature.
func boundaryMask(width int, boundary, temperature formula.Expr) formula.Expr {
	middles := array.New(array.Dim("coordinate", width))
	for i := range width {
		middles.Values()[i] = float32(i) + .5
	}
	share := boundary.Max(formula.Number(1e-3)).Min(formula.Number(1))
	return share.Scale(float32(width)).Sub(formula.Tensor("coordinate", middles)).Div(temperature).Sigmoid()
}

func (s *search) flat(x formula.Expr) formula.Expr {
	if len(s.site.Point.Heads) > 1 {
		return x.Flatten()
	}
	return x
}

func (s *search) shaped(x formula.Expr) formula.Expr {
	if n := len(s.site.Point.Heads); n > 1 {
		return x.Split(n)
	}
	return x
}

// fit finds what makes answers to the training pairs these labels.
func (s *search) fit(ctx context.Context, m *model.Model, labels []string) (*Found, error) {
	var base, source []int
	for _, p := range s.pairs[0] {
		base, source = append(base, p.Base), append(source, p.Source)
	}
	from, to := s.data.Of(source...), s.data.Of(base...)
	read := formula.Source()
	at := ofRows(s.site.At, base)
	if len(at.Rows) > 1 {
		read = formula.Source(ofRows(s.site.At, source).Rows...)
	}
	loss, err := s.loss(to, labels)
	if err != nil {
		return nil, err
	}
	fit := model.Fit{
		Base: to.Prompts.Edit(s.site.Point.In(at).Compute(s.exchange(read))), Source: from.Prompts.Request(),
		Steps: s.Steps, Batch: s.Batch, Seed: s.Seed, Optimizer: model.Optimizer{Rate: s.Rate, Schedule: "linear", WarmUp: s.Steps / 10},
	}
	fit.Base, fit.Loss = loss(fit.Base)
	one := func(v float64) *array.Array { return array.Of([]float32{float32(v)}, array.Dim("a", 1)) }
	switch s.Kind {
	case Boundless:
		fit.Find = []model.Find{{Name: rotationTensor, Orthogonal: true}, {Name: boundaryTensor, Start: one(.5)}}
		fit.Change = []model.Change{{Name: temperatureTensor, From: float32(s.Temperature), To: .1}}
		if s.Sparsity > 0 {
			fit.Loss = append(fit.Loss, model.Loss{Penalty: formula.Free(boundaryTensor, 1), Weight: s.Sparsity})
		}
	case Mask:
		fit.Find = []model.Find{{Name: maskTensor}}
		fit.Change = []model.Change{{Name: temperatureTensor, From: float32(s.Temperature), To: .01}}
		if s.Sparsity > 0 {
			share := formula.Free(maskTensor, s.width).Div(formula.Free(temperatureTensor, 1)).Sigmoid().Mean()
			fit.Loss = append(fit.Loss, model.Loss{Penalty: share, Weight: s.Sparsity})
		}
	default:
		fit.Find = []model.Find{{Name: rotationTensor, Orthogonal: true}}
	}
	got, err := m.FitContext(ctx, fit)
	if err != nil {
		return nil, err
	}
	return s.found(got)
}

// loss is what is made small.
func (s *search) loss(d *Data, labels []string) (func(model.Request) (model.Request, []model.Loss), error) {
	ids := make([]int32, len(labels))
	for i, label := range labels {
		id, is := d.Answers[label]
		if !is {
			return nil, fmt.Errorf("the answer %q is no single token of this model", label)
		}
		ids[i] = id
	}
	if !s.LogitDifference {
		metric := model.LogProbOf(ids...).In(d.End())
		return func(r model.Request) (model.Request, []model.Loss) {
			return r.Metric(metric), []model.Loss{{Weight: -1}}
		}, nil
	}
	n := len(d.Options[0])
	var metrics []model.Metric
	for k := range n { // against each option; against itself it is 0
		others := make([]int32, len(labels))
		for i := range others {
			others[i] = d.Answers[d.Options[i][k]]
		}
		metrics = append(metrics, model.LogitDiff(model.IDs(ids...), model.IDs(others...)).In(d.End()))
	}
	return func(r model.Request) (model.Request, []model.Loss) {
		var losses []model.Loss
		for k := range metrics {
			losses = append(losses, model.Loss{Metric: k, Weight: -1 / float64(n-1)})
		}
		return r.Metric(metrics...), losses
	}, nil
}

// found reads what a fit found.
func (s *search) found(fit *model.Fitted) (*Found, error) {
	out := &Found{Variable: s.variable, Site: s.site, Fit: fit}
	method := fmt.Sprintf("distributed alignment search of %s in %s", s.variable, s.data.Model.Name)
	columns := fit.Tensors[0].Array
	switch s.Kind {
	case Mask:
		values := make([]float32, s.width)
		for i, v := range columns.Values() {
			if v > 0 {
				out.Coords, values[i] = append(out.Coords, i), 1
			}
		}
		mask := formula.Tensor("taken", array.Of(values, array.Dim("coordinate", s.width)))
		out.Site.By = func(source formula.Expr) formula.Expr { return s.masked(source, mask) }
		return out, nil
	case Boundless:
		out.Boundary = min(1, max(1e-3, float64(fit.Tensor(boundaryTensor).Values()[0])))
		k := max(1, int(math.Round(out.Boundary*float64(s.width))))
		columns = columns.Select("axis 1", upToInts(k)...)
	}
	var err error
	if out.Subspace, err = steer.NewSubspace(s.site.Point, columns, method); err != nil {
		return nil, err
	}
	out.Site.Subspace = out.Subspace
	return out, nil
}

func upToInts(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// soft is the exchange as it was fitted, where that is another one than the rounded.
func (s *search) soft(fit *model.Fitted) (Site, bool) {
	if s.Kind == Rotation {
		return Site{}, false
	}
	site := s.site
	last := .1
	if s.Kind == Mask {
		last = .01
	}
	temperature := array.Of([]float32{float32(last)}, array.Dim("a", 1))
	site.By = func(source formula.Expr) formula.Expr {
		e := fit.Bind(hook.Edit{Formula: s.exchange(source)})[0].Formula
		return e.Bind(temperatureTensor, temperature)
	}
	return site, true
}

// controls are the ways that should fail, and the part that is read, which should not.
func (s *search) controls(ctx context.Context, m *model.Model, found *Found) (ways []way, err error) {
	rng := rand.New(rand.NewPCG(s.Seed, 4))
	if found.Subspace != nil {
		part, err := found.Subspace.Effective(m)
		if err != nil {
			return nil, err
		}
		if part != nil {
			site := s.site
			site.Subspace = part
			ways = append(ways, way{WayEffective, m, site, s.labels})
		}
		random, err := steer.Random(s.site.Point, s.width, found.Subspace.Dim(), rng.Uint64())
		if err != nil {
			return nil, err
		}
		site, far := s.site, s.site
		site.Subspace = random
		strength, err := s.sameNorm(m, found.Subspace, random)
		if err != nil {
			return nil, err
		}
		far.By = func(source formula.Expr) formula.Expr { return random.ExchangeBy(source, strength) }
		ways = append(ways, way{WayRandom, m, site, s.labels}, way{WayNorm, m, far, s.labels})
	}
	var arbitrary [2][]string
	for side, pairs := range s.pairs {
		for _, p := range pairs {
			options := s.data.Options[p.Base]
			arbitrary[side] = append(arbitrary[side], options[rng.IntN(len(options))])
		}
	}
	labels, err := s.fit(ctx, m, arbitrary[0])
	if err != nil {
		return nil, err
	}
	ways = append(ways, way{WayLabels, m, labels.Site, arbitrary})
	untrained, err := m.Process(model.Processing{Untrained: s.Seed + 1})
	if err != nil {
		return nil, err
	}
	none, err := s.fit(ctx, untrained, s.labels[0])
	if err != nil {
		return nil, err
	}
	return append(ways, way{WayUntrained, untrained, none.Site, s.labels}), nil
}

// sameNorm is how much farther exchanges along one subspace move the activation than
// along another, over the training pairs.
func (s *search) sameNorm(m *model.Model, found, random *steer.Subspace) (float32, error) {
	x, err := s.data.states(m, s.site)
	if err != nil {
		return 0, err
	}
	far := func(basis *array.Array) (sum float64) {
		k := basis.Shape()[1]
		for _, p := range s.pairs[0] {
			a, b := x.of(p.Base), x.of(p.Source)
			for at := 0; at < len(a); at += s.width {
				square := 0.0
				for j := range k {
					dot := 0.0
					for i := range s.width {
						dot += float64(b[at+i]-a[at+i]) * float64(basis.Values()[i*k+j])
					}
					square += dot * dot
				}
				sum += math.Sqrt(square)
			}
		}
		return sum
	}
	if other := far(random.Basis); other > 0 {
		return float32(far(found.Basis) / other), nil
	}
	return 1, nil
}

// states are the activations of inputs at a site.
type states struct {
	values []float32
	inputs int
}

func (d *Data) states(m *model.Model, s Site) (states, error) {
	a, _, err := d.activations(m, s)
	if err != nil {
		return states{}, err
	}
	return states{a.Values(), len(d.Inputs)}, nil
}

func (s states) of(input int) []float32 {
	n := len(s.values) / s.inputs
	return s.values[input*n:][:n]
}

// String says what was found, and its scores.
func (f *Found) String() string {
	switch {
	case f.Coords != nil:
		return fmt.Sprintf("%s: %d coordinates of %s %v\n%s", f.Variable, len(f.Coords), f.Site.Point, f.Coords[:min(len(f.Coords), 20)], f.Scores)
	case f.Subspace != nil:
		return fmt.Sprintf("%s: %s\n%s", f.Variable, f.Subspace, f.Scores)
	}
	return fmt.Sprintf("%s: nothing at %s\n%s", f.Variable, f.Site.Point, f.Scores)
}

// HeldOut is the accuracy on held-out pairs.
func (f *Found) HeldOut() float64 {
	_, held := f.Scores.Of(WayFound)
	return held
}

// trainInputs are the inputs of the training pairs, each once.
func (s *search) trainInputs() []int {
	var all []int
	for _, p := range s.pairs[0] {
		all = append(all, p.Base, p.Source)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
