package discover

import (
	"fmt"
	"slices"
	"strings"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model/array"
)

// A Stage is where in a layer a state of the residual stream stands.
type Stage string

// The stages, named as Ferrando and Voita name their nodes.
const (
	Token     Stage = "X" // what the embeddings write
	Attended  Stage = "A" // the stream behind attention
	Processed Stage = "M" // what the MLP writes
	Passed    Stage = "I" // the stream out of the layer
)

// A State is a node of a route.
type State struct {
	Stage Stage
	Layer int
	Pos   int
}

// String is the state as "A3_7": behind the attention of layer 3 at position 7.
func (s State) String() string { return fmt.Sprintf("%s%d_%d", s.Stage, s.Layer, s.Pos) }

// A RouteEdge is an edge of a route, and how much of what it leads to came by it.
type RouteEdge struct {
	From, To State
	Weight   float64
}

// Routes are the important ways by which information came to one position of a
// prompt.
type Routes struct {
	Edges     []RouteEdge // from the end on
	Threshold float64
	Pos       int
	Labels    []string
	Name      string
	flow      *Flowed
}

// DefaultThreshold is the least weight of an edge on a route.
const DefaultThreshold = 0.04

// Routes walks back from the last state of a position along edges of more than a
// threshold, 0 meaning [DefaultThreshold]. A token's own attention and the stream
// that passes it by are one edge. Negative positions count from the end.
func (f *Flowed) Routes(pos int, threshold float64) (*Routes, error) {
	if threshold == 0 {
		threshold = DefaultThreshold
	}
	L, n := f.MLP.Shape()[0], f.MLP.Shape()[1]
	if pos < -n || pos >= n || !(threshold > 0 && threshold < 1) {
		return nil, fmt.Errorf("routes: position %d of %d tokens, threshold %g; that lies between 0 and 1", pos, n, threshold)
	}
	pos = (pos + n) % n
	r := &Routes{Threshold: threshold, Pos: pos, Labels: f.Labels, flow: f}
	seen := map[State]bool{}
	next := []State{{Passed, L - 1, pos}}
	for len(next) > 0 {
		s := next[0]
		if next = next[1:]; seen[s] {
			continue
		}
		seen[s] = true
		for _, e := range f.into(s) {
			if e.Weight > threshold {
				r.Edges = append(r.Edges, e)
				next = append(next, e.From)
			}
		}
	}
	return r, nil
}

// before is the stream into a layer.
func before(layer, pos int) State {
	if layer == 0 {
		return State{Token, 0, pos}
	}
	return State{Passed, layer - 1, pos}
}

// into are the edges into a state.
func (f *Flowed) into(s State) (edges []RouteEdge) {
	l, p := s.Layer, s.Pos
	switch s.Stage {
	case Passed:
		mid := State{Attended, l, p}
		return []RouteEdge{{mid, s, f.ResidualMLP.At(l, p)}, {State{Processed, l, p}, s, f.MLP.At(l, p)}}
	case Processed:
		from := State{Attended, l, p}
		if f.parallel {
			from = before(l, p)
		}
		return []RouteEdge{{from, s, f.MLP.At(l, p)}}
	case Attended:
		for k := range p + 1 {
			w := f.attention(l, p, k)
			if k == p {
				w += f.Residual.At(l, p)
			}
			edges = append(edges, RouteEdge{before(l, k), s, w})
		}
	}
	return edges
}

// attention is what all heads bring from one position to another.
func (f *Flowed) attention(layer, query, key int) (sum float64) {
	shape := f.Attention.Shape()
	n, H := shape[1], shape[3]
	for _, v := range f.Attention.Values()[((layer*n+query)*n+key)*H:][:H] {
		sum += float64(v)
	}
	return sum
}

// States are the nodes of the routes, from the tokens up.
func (r *Routes) States() (all []State) {
	for _, e := range r.Edges {
		for _, s := range []State{e.From, e.To} {
			if !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	slices.SortFunc(all, func(a, b State) int { return a.order() - b.order() })
	return all
}

// order is that of a forward pass, and then of positions.
func (s State) order() int { return s.level()<<20 + s.Pos }

// level is the height in a figure: tokens, and three for each layer.
func (s State) level() int {
	switch s.Stage {
	case Attended:
		return 3 * s.Layer
	case Processed:
		return 3*s.Layer + 1
	case Passed:
		return 3*s.Layer + 2
	}
	return -1
}

// Heads are how much each head brings along the routes [layer, head]: its share of
// the edges of attention among them, added up.
func (r *Routes) Heads() *array.Array {
	shape := r.flow.Attention.Shape()
	out := array.New(array.Dim("layer", shape[0]), array.Dim("head", shape[3]))
	for _, e := range r.Edges {
		if e.To.Stage != Attended {
			continue
		}
		for h := range shape[3] {
			l := e.To.Layer
			out.Set(out.At(l, h)+r.flow.Attention.At(l, e.To.Pos, e.From.Pos, h), l, h)
		}
	}
	return out.Named("share on the routes", "")
}

// HeadImportance is in how many prompts a head is on the routes to the last token
// [layer, head]: some edge that the head alone makes heavier than the threshold
// (0: [DefaultThreshold]) leads there. Source: Ferrando and Voita 2024, section 4.
func HeadImportance(flows []*Flowed, threshold float64) (*interp.Result, error) {
	if len(flows) == 0 {
		return nil, fmt.Errorf("importance of heads: no prompts")
	}
	if threshold == 0 {
		threshold = DefaultThreshold
	}
	shape := flows[0].Attention.Shape()
	samples := array.New(array.Dim("sample", len(flows)), array.Dim("layer", shape[0]), array.Dim("head", shape[3]))
	for i, f := range flows {
		r, err := f.Routes(-1, threshold)
		if err != nil {
			return nil, err
		}
		for _, e := range r.Edges {
			for h := range shape[3] {
				if e.To.Stage == Attended && f.Attention.At(e.To.Layer, e.To.Pos, e.From.Pos, h) > threshold {
					samples.Set(1, i, e.To.Layer, h)
				}
			}
		}
	}
	return &interp.Result{Array: samples.Mean("sample").Named("on the routes", "of the prompts"), Samples: samples, Source: ferrando, Provenance: flows[0].Provenance,
		Method: fmt.Sprintf("information flow routes to the last token, threshold %g, %d prompts", threshold, len(flows))}, nil
}

// String is the routes, an edge a line.
func (r *Routes) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d edges of more than %g lead to position %d (%s)\n", len(r.Edges), r.Threshold, r.Pos, ferrando)
	for _, e := range r.Edges {
		fmt.Fprintf(&b, "%s → %s  %.3f\n", e.From, e.To, e.Weight)
	}
	return b.String()
}

// What package plotting draws: layers upwards, positions side by side.

// Title names the routes.
func (r *Routes) Title() string {
	if r.Name != "" {
		return r.Name
	}
	return fmt.Sprintf("information flow routes to position %d", r.Pos)
}

// Len is the number of states.
func (r *Routes) Len() int { return len(r.States()) }

// Node describes the i-th state.
func (r *Routes) Node(i int) (label, class, column string, layer int) {
	all := r.States()
	if i < 0 || i >= len(all) {
		return "", "", "", 0
	}
	s := all[i]
	class = map[Stage]string{Token: "token", Attended: "attention", Processed: "MLP", Passed: "stream"}[s.Stage]
	return s.String(), class, r.column(s.Pos), s.level()
}

func (r *Routes) column(pos int) string {
	if pos < len(r.Labels) {
		return fmt.Sprintf("%d %s", pos, strings.TrimSpace(r.Labels[pos]))
	}
	return fmt.Sprint(pos)
}

// Columns are the positions of the routes.
func (r *Routes) Columns() (names []string) {
	var at []int
	for _, s := range r.States() {
		if !slices.Contains(at, s.Pos) {
			at = append(at, s.Pos)
		}
	}
	slices.Sort(at)
	for _, pos := range at {
		names = append(names, r.column(pos))
	}
	return names
}

// LayerName is what stands beside the states of one height.
func (r *Routes) LayerName(layer int) string {
	if layer < 0 {
		return "tokens"
	}
	return fmt.Sprintf("%s %d", []string{"attention", "MLP", "layer"}[layer%3], layer/3)
}

// Links is the number of edges.
func (r *Routes) Links() int { return len(r.Edges) }

// Link describes the i-th edge.
func (r *Routes) Link(i int) (from, to int, kind string, effect float64) {
	if i < 0 || i >= len(r.Edges) {
		return 0, 0, "", 0
	}
	all, e := r.States(), r.Edges[i]
	kind = "stream"
	switch {
	case e.To.Stage == Attended && e.From.Pos != e.To.Pos:
		kind = "attention"
	case e.To.Stage == Processed || e.From.Stage == Processed:
		kind = "MLP"
	}
	return slices.Index(all, e.From), slices.Index(all, e.To), kind, 100 * e.Weight
}

// EffectUnit is the unit of weights.
func (r *Routes) EffectUnit() string { return "%" }
