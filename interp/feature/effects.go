package feature

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/golens/golens/interp/sae"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// A Part is a feature of one of several dictionaries, or what a dictionary leaves
// over.
type Part struct {
	Dictionary int // in the list
	Feature    int // -1: the reconstruction error
}

// An Effect is what a part does to a metric: the change of its mean if the part is as
// in the corrupted run (or 0), at all positions.
type Effect struct {
	Part
	Score float64
}

// A Link is what a part does to a metric through another one.
type Link struct {
	From, To int // parts of the circuit
	Score    float64
}

// A Circuit is features, by their effect, and edges between them.
type Circuit struct {
	Dictionaries sae.Set
	Parts        []Effect // by the size of their effect
	Edges        []Link   // likewise
	Metric       string
	Unit         string
	Base         float64 // of the clean run
	model.Provenance
}

// Attributing says what features are compared with, and how much is kept.
type Attributing struct {
	// Zero has features go to 0, and errors too; else to their values in the corrupted
	// prompts, which then have as many tokens as the clean ones.
	Zero bool
	Top  int // parts that are kept, by size; 0 means 50
	// Direct leaves out of edges what goes through activations of other dictionaries that
	// lie between.
	Direct bool
}

// Attribute estimates what every feature of autoencoders, and every error, does to a
// metric, all at once: gradient × change, summed over positions, mean over rows; and,
// for those that it keeps, what each does through each later one. Two passes and a way
// back for the parts, a pass and a way back for each part that is kept.
//
// Dictionaries are passed through: gradients of what lies below are the model's own. It
// is exact where the metric is linear in the features, and misses what two do only
// together; [Exact] is the yardstick. Source: Marks et al. 2024, "Sparse Feature
// Circuits".
func Attribute(m *model.Model, dictionaries sae.Set, t task.Paired, o Attributing) (*Circuit, error) {
	fail := func(err error) (*Circuit, error) { return nil, fmt.Errorf("circuit of features: %w", err) }
	x, err := newEffects(m, dictionaries, t, o)
	if err != nil {
		return fail(err)
	}
	if err := x.parts(); err != nil {
		return fail(err)
	}
	for to := range x.Parts {
		if err := x.into(to); err != nil {
			return fail(err)
		}
	}
	slices.SortStableFunc(x.Edges, func(a, b Link) int { return cmp.Compare(math.Abs(b.Score), math.Abs(a.Score)) })
	return x.Circuit, nil
}

type effects struct {
	*Circuit
	Attributing
	m     *model.Model
	pairs task.Pairs
	delta [][]float32 // of features, corrupted less clean [row, pos, feature], by dictionary
	grads [][]float32 // of features
	n     int         // positions
	order []int       // of dictionaries in a pass
}

func newEffects(m *model.Model, dictionaries sae.Set, t task.Paired, o Attributing) (*effects, error) {
	pairs, err := task.Of(t)
	if err != nil {
		return nil, err
	}
	if len(dictionaries) == 0 {
		return nil, errors.New("no dictionaries")
	}
	if !o.Zero && len(pairs.Corrupted.IDs) != len(pairs.Clean.IDs) {
		return nil, fmt.Errorf("%d corrupted prompts for %d clean ones; give as many, or set Zero", len(pairs.Corrupted.IDs), len(pairs.Clean.IDs))
	}
	n := len(pairs.Clean.IDs[0])
	for i, row := range pairs.Clean.IDs {
		if len(row) != n || !o.Zero && len(pairs.Corrupted.IDs[i]) != n {
			return nil, fmt.Errorf("row %d has another number of tokens; rows of one length are needed", i)
		}
	}
	if o.Top == 0 {
		o.Top = 50
	}
	x := &effects{Circuit: &Circuit{Dictionaries: dictionaries, Metric: pairs.Metric.String(), Unit: pairs.Metric.Unit()}, Attributing: o, m: m, pairs: pairs, n: n}
	kinds := m.Config().Order()
	place := func(d *sae.Dictionary) int { return d.Write.Layer*len(kinds) + slices.Index(kinds, d.Write.Kind) }
	for i, d := range dictionaries {
		if d.Transcoder() || d.Layers > 1 {
			return nil, fmt.Errorf("dictionary %d is a transcoder; autoencoders are attributed here, transcoders by Trace", i)
		}
		for k, e := range dictionaries[:i] {
			if place(d) == place(e) {
				return nil, fmt.Errorf("dictionaries %d and %d are both of %s", k, i, d.Write)
			}
		}
		x.order = append(x.order, i)
	}
	slices.SortFunc(x.order, func(a, b int) int { return cmp.Compare(place(dictionaries[a]), place(dictionaries[b])) })
	return x, nil
}

// label is a name for the features of a dictionary among several.
func label(i int) string { return fmt.Sprintf("features %d", i) }

// leaf makes features parts of their own: gradients reach them through the decoder,
// and what lies below as if the dictionary were not there. The activation stays as it
// is.
func (x *effects) leaf(i int) (hook.Edit, error) {
	d := x.Dictionaries[i]
	f := d.FeaturesOf(formula.Here()).Stop().As(label(i))
	y, err := d.WrittenBy(f)
	return d.Write.Compute(formula.Here().Add(y.Sub(y.Stop()))), err
}

// parts are the effects of all features and errors.
func (x *effects) parts() error {
	clean := x.pairs.Clean.Metric(x.pairs.Metric)
	for i, d := range x.Dictionaries {
		e, err := x.leaf(i)
		if err != nil {
			return err
		}
		p := d.Write.Label(label(i))
		clean = clean.Edit(e).Capture(p, d.Write).Grad(p, d.Write)
	}
	run, err := x.m.Run(clean)
	if err != nil {
		return err
	}
	x.Base, x.Provenance = run.Metric(), run.Provenance
	var other *model.Result
	if !x.Zero {
		r := x.pairs.Corrupted.Request()
		for _, d := range x.Dictionaries {
			r = r.Edit(d.Watch()).Capture(d.Point(), d.Write)
		}
		if other, err = x.m.Run(r); err != nil {
			return err
		}
	}
	rows := float64(len(x.pairs.Clean.IDs))
	for i, d := range x.Dictionaries {
		p := d.Write.Label(label(i))
		f, g := run.At(p).Values(), run.Grad(p).Values()
		delta := make([]float32, len(f))
		for k, v := range f {
			delta[k] = -v
			if other != nil {
				delta[k] += other.At(d.Point()).Values()[k]
			}
		}
		x.delta, x.grads = append(x.delta, delta), append(x.grads, g)
		scores := make([]float64, d.Features)
		for k, v := range delta {
			if v != 0 {
				scores[k%d.Features] += float64(v) * float64(g[k]) / rows
			}
		}
		for k, s := range scores {
			if s != 0 {
				x.Parts = append(x.Parts, Effect{Part{i, k}, s})
			}
		}
		// what is left of the change of the activation is the error's
		at, grad := run.At(d.Write).Values(), run.Grad(d.Write).Values()
		whole := 0.0
		for k, v := range at {
			change := -v
			if other != nil {
				change += other.At(d.Write).Values()[k]
			}
			whole += float64(change) * float64(grad[k]) / rows
		}
		bias := 0.0
		if x.Zero { // the bias of the decoder stays
			for k, g := range grad {
				bias -= float64(d.BDec[k%d.Out]) * float64(g) / rows
			}
		}
		for _, s := range scores {
			whole -= s
		}
		x.Parts = append(x.Parts, Effect{Part{i, -1}, whole - bias})
	}
	slices.SortStableFunc(x.Parts, func(a, b Effect) int { return cmp.Compare(math.Abs(b.Score), math.Abs(a.Score)) })
	x.Parts = x.Parts[:min(x.Top, len(x.Parts))]
	return nil
}

// into are the edges that lead to a feature: its gradient, further back.
func (x *effects) into(to int) error {
	v := x.Parts[to]
	if v.Feature < 0 {
		return nil
	}
	d := x.Dictionaries[v.Dictionary]
	rank := slices.Index(x.order, v.Dictionary)
	var from []int // parts of dictionaries before
	r := x.pairs.Clean.Request()
	seen := map[int]bool{}
	for k, p := range x.Parts {
		if slices.Index(x.order, p.Dictionary) < rank && p.Feature >= 0 {
			from = append(from, k)
			seen[p.Dictionary] = true
		}
	}
	if len(from) == 0 {
		return nil
	}
	F := d.Features
	coeffs := array.New(array.Dim("row", len(x.pairs.Clean.IDs)), array.Dim("pos", x.n), array.Dim("feature", 1))
	for i := range coeffs.Values() {
		coeffs.Values()[i] = x.grads[v.Dictionary][i*F+v.Feature]
	}
	run := func(source int, stops []int) (*model.Result, error) {
		q := r
		for _, i := range x.order[:rank] {
			if slices.Contains(stops, i) {
				q = q.Edit(x.Dictionaries[i].Write.Compute(formula.Here().Stop()))
				continue
			}
			if source >= 0 && i != source || !seen[i] {
				continue
			}
			e, err := x.leaf(i)
			if err != nil {
				return nil, err
			}
			q = q.Edit(e).Grad(x.Dictionaries[i].Write.Label(label(i)))
		}
		p := d.Read.Label(sae.Features).Coord(v.Feature)
		return x.m.Run(q.Edit(d.Watch()).Metric(model.Linear(p, coeffs)))
	}
	score := func(got *model.Result, k int) float64 {
		u := x.Parts[k]
		g := got.Grad(x.Dictionaries[u.Dictionary].Write.Label(label(u.Dictionary))).Values()
		n := x.Dictionaries[u.Dictionary].Features
		s := 0.0
		for i := u.Feature; i < len(g); i += n {
			s += float64(g[i]) * float64(x.delta[u.Dictionary][i])
		}
		return s / float64(len(x.pairs.Clean.IDs))
	}
	if !x.Direct {
		got, err := run(-1, nil)
		if err != nil {
			return err
		}
		for _, k := range from {
			x.edge(k, to, score(got, k))
		}
		return nil
	}
	for source := range seen {
		got, err := run(source, x.order[slices.Index(x.order, source)+1:rank])
		if err != nil {
			return err
		}
		for _, k := range from {
			if x.Parts[k].Dictionary == source {
				x.edge(k, to, score(got, k))
			}
		}
	}
	return nil
}

func (x *effects) edge(from, to int, score float64) {
	if score != 0 {
		x.Edges = append(x.Edges, Link{from, to, score})
	}
}

// Exact is what each part does to the metric when it is changed in runs of its own,
// with everything above computed anew: the yardstick of [Attribute]. A run for each
// part.
func Exact(m *model.Model, dictionaries sae.Set, t task.Paired, o Attributing, parts ...Part) ([]Effect, error) {
	fail := func(err error) ([]Effect, error) { return nil, fmt.Errorf("effects of features: %w", err) }
	x, err := newEffects(m, dictionaries, t, o)
	if err != nil {
		return fail(err)
	}
	s := model.Sweep{Base: x.pairs.Clean.Metric(x.pairs.Metric)}
	if !x.Zero {
		s.Source = x.pairs.Corrupted.Request()
	}
	for _, p := range parts {
		e, err := x.changed(p)
		if err != nil {
			return fail(err)
		}
		s.Variants = append(s.Variants, model.Variant{Edits: []hook.Edit{e}})
	}
	got, err := m.Sweep(s)
	if err != nil {
		return fail(err)
	}
	base, err := m.Run(s.Base)
	if err != nil {
		return fail(err)
	}
	all := make([]Effect, len(parts))
	n := len(x.pairs.Clean.IDs)
	for i, p := range parts {
		all[i] = Effect{Part: p}
		for r := range n {
			all[i].Score += (got.Metrics[0].At(i, r) - base.PerRow(0).At(r)) / float64(n)
		}
	}
	return all, nil
}

// changed is the edit that takes a part to the other run, or to 0.
func (x *effects) changed(p Part) (hook.Edit, error) {
	if p.Dictionary < 0 || p.Dictionary >= len(x.Dictionaries) {
		return hook.Edit{}, fmt.Errorf("no dictionary %d", p.Dictionary)
	}
	d := x.Dictionaries[p.Dictionary]
	if p.Feature >= d.Features || p.Feature < -1 {
		return hook.Edit{}, fmt.Errorf("dictionary %d has no feature %d", p.Dictionary, p.Feature)
	}
	if p.Feature >= 0 && x.Zero {
		return d.Change(sae.Change{Feature: p.Feature, Op: sae.SetTo})
	}
	here := d.FeaturesOf(formula.Here())
	other := here
	if !x.Zero {
		other = d.FeaturesOf(formula.Source())
	}
	if p.Feature >= 0 {
		row := make([]float32, d.Features)
		row[p.Feature] = 1
		only := formula.Tensor(fmt.Sprint("only feature ", p.Feature), array.Of(row, array.Dim("feature", d.Features)))
		y, err := d.WrittenBy(other.Sub(here).Mul(only))
		return d.Write.Compute(formula.Here().Add(y)), err
	}
	// the features stay, and the rest of the activation changes
	y, err := d.WrittenBy(here)
	if err != nil {
		return hook.Edit{}, err
	}
	if x.Zero {
		e, err := d.Splice()
		return e, err
	}
	z, err := d.WrittenBy(other)
	return d.Write.Compute(formula.Source().Sub(z).Add(y)), err
}

// String lists the strongest parts and edges.
func (c *Circuit) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %.4g in the clean run\n", c.Metric, c.Base)
	for i, p := range c.Parts[:min(20, len(c.Parts))] {
		fmt.Fprintf(&b, "%+9.4f  %s\n", p.Score, c.name(i))
	}
	for _, e := range c.Edges[:min(20, len(c.Edges))] {
		fmt.Fprintf(&b, "%+9.4f  %s -> %s\n", e.Score, c.name(e.From), c.name(e.To))
	}
	fmt.Fprint(&b, c.Provenance)
	return b.String()
}

func (c *Circuit) name(i int) string {
	p := c.Parts[i]
	at := c.Dictionaries[p.Dictionary].Write.ID
	if p.Feature < 0 {
		return fmt.Sprintf("error at %s", at)
	}
	return fmt.Sprintf("%d at %s", p.Feature, at)
}

// Title, Len, Node, Columns, Links, Link and EffectUnit are what package plotting
// draws a circuit from.
func (c *Circuit) Title() string { return "circuit of features, " + c.Metric }

// Len is the number of parts.
func (c *Circuit) Len() int { return len(c.Parts) }

// Node is a part.
func (c *Circuit) Node(i int) (label, class, column string, layer int) {
	if i < 0 || i >= len(c.Parts) {
		return "", "", "", 0
	}
	p := c.Parts[i]
	at := c.Dictionaries[p.Dictionary].Write
	label, class = fmt.Sprint(p.Feature), string(at.Kind)
	if p.Feature < 0 {
		label, class = "error", "error"
	}
	return label, class, "", slices.Index(c.places(), place{at.Layer, at.Kind})
}

type place struct {
	layer int
	kind  hook.Kind
}

// places are those of the dictionaries, in the order of a pass.
func (c *Circuit) places() (all []place) {
	kinds := hook.Kinds()
	for _, d := range c.Dictionaries {
		all = append(all, place{d.Write.Layer, d.Write.Kind})
	}
	slices.SortFunc(all, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.layer, b.layer), cmp.Compare(slices.Index(kinds, a.kind), slices.Index(kinds, b.kind)))
	})
	return all
}

// Columns are none.
func (c *Circuit) Columns() []string { return nil }

// Links is the number of edges.
func (c *Circuit) Links() int { return len(c.Edges) }

// Link is an edge.
func (c *Circuit) Link(i int) (from, to int, kind string, effect float64) {
	e := c.Edges[i]
	return e.From, e.To, "", e.Score
}

// EffectUnit is that of the metric.
func (c *Circuit) EffectUnit() string { return c.Unit }

// Drawn is a pruned attribution graph for package plotting: tokens as columns, layers
// from the bottom to the top, the strongest links up to a number.
type Drawn struct {
	title string
	nodes []Node
	edges []Link
	tops  int
	names []string
}

// Draw takes the strongest links of what was kept, at most so many; 0 means 60.
func (p *Pruned) Draw(links int) *Drawn {
	if links == 0 {
		links = 60
	}
	d := &Drawn{title: "attribution graph", tops: p.Layers + 1}
	var all []Link
	for to, row := range p.Edges {
		for _, e := range row {
			all = append(all, Link{e.Source, to, float64(e.Weight)})
		}
	}
	slices.SortStableFunc(all, func(a, b Link) int { return cmp.Compare(math.Abs(b.Score), math.Abs(a.Score)) })
	at := map[int]int{}
	node := func(i int) int {
		if k, ok := at[i]; ok {
			return k
		}
		at[i] = len(d.nodes)
		d.nodes = append(d.nodes, p.Nodes[i])
		return at[i]
	}
	for _, e := range all[:min(links, len(all))] {
		d.edges = append(d.edges, Link{node(e.From), node(e.To), e.Score})
	}
	for i, l := range p.Labels {
		d.names = append(d.names, fmt.Sprintf("%d %s", i, strings.TrimSpace(l)))
	}
	return d
}

// Title names the figure.
func (d *Drawn) Title() string { return d.title }

// Len is the number of nodes.
func (d *Drawn) Len() int { return len(d.nodes) }

// Node is a node: its column is its token.
func (d *Drawn) Node(i int) (label, class, column string, layer int) {
	if i < 0 || i >= len(d.nodes) {
		return "", "", "", 0
	}
	n := d.nodes[i]
	column = d.names[n.Pos]
	switch n.Kind {
	case FeatureNode:
		return fmt.Sprintf("%d.%d", n.Layer, n.Feature), string(n.Kind), column, n.Layer + 1
	case ErrorNode:
		return "error", string(n.Kind), column, n.Layer + 1
	case TokenNode:
		return strings.TrimSpace(n.Label), string(n.Kind), column, 0
	}
	return strings.TrimSpace(n.Label), string(n.Kind), column, d.tops
}

// LayerName names the layers of the figure: tokens and logits have their own.
func (d *Drawn) LayerName(layer int) string {
	switch layer {
	case 0:
		return "tokens"
	case d.tops:
		return "logits"
	}
	return fmt.Sprint("layer ", layer-1)
}

// Columns are the tokens.
func (d *Drawn) Columns() []string { return d.names }

// Links is the number of edges.
func (d *Drawn) Links() int { return len(d.edges) }

// Link is an edge.
func (d *Drawn) Link(i int) (from, to int, kind string, effect float64) {
	e := d.edges[i]
	return e.From, e.To, "", e.Score
}

// EffectUnit is none: edges add to pre-activations and logits.
func (d *Drawn) EffectUnit() string { return "" }
