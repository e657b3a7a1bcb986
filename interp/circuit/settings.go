package circuit

import (
	"fmt"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// Settings say how a circuit is tested: how parts are knocked out, how the circuit
// is held against the model, and what it is held against. How faithful a circuit
// looks depends on every one of these choices, so they are part of each result. The
// zero value is that of Wang et al. 2022.
type Settings struct {
	Ablation    ablate.Ablation // what takes the place of what is knocked out
	Components  Components      // which parts can be
	Where       Where           // the nodes of a circuit that name positions belong to it
	Aggregation Aggregation     // of a ratio of metrics over prompts
	Removed     bool            // what counts is the model without the circuit, not the circuit alone

	Bootstrap interp.Bootstrap // of the intervals, over prompts
	// Random is how many random circuits of the same size the circuit is held
	// against; 0 means 50, a negative number none.
	Random int
	Match  Match  // what random circuits share with the circuit beside their size
	Seed   uint64 // of random circuits and subsets

	Search Search // of [Test.Completeness]
	Beside Beside // of [Test.Minimality]
}

// Components says which parts a knock-out can take away.
type Components int

// The components.
const (
	HeadsOnly    Components = iota // attention heads; MLPs, norms and embeddings are untouched
	HeadsAndMLPs                   // MLPs outside of the circuit are taken away too
	// HeadEdges are edges from heads to the queries, keys and values of heads and
	// to the logits. MLPs read all heads of the circuit, and everything reads MLPs
	// and embeddings.
	HeadEdges
	// AllEdges are the edges of the residual stream, see [graph.Of].
	AllEdges
)

// Where says where the nodes of a circuit that name positions belong to it.
type Where int

// The places.
const (
	Listed     Where = iota // where they say; elsewhere they are knocked out too
	Everywhere              // everywhere
)

// Aggregation says how a ratio of metrics is taken over prompts.
type Aggregation int

// The aggregations.
const (
	RatioOfMeans Aggregation = iota
	MeanOfRatios
)

var (
	componentNames   = []string{"nodes (heads)", "nodes (heads and MLPs)", "edges (between heads)", "edges (all)"}
	whereNames       = []string{"positions as listed", "all positions"}
	aggregationNames = []string{"ratio of means", "mean of ratios"}
)

func name[T ~int](names []string, v T) string {
	if int(v) < 0 || int(v) >= len(names) {
		return fmt.Sprintf("unknown (%d)", int(v))
	}
	return names[v]
}

func (c Components) String() string  { return name(componentNames, c) }
func (w Where) String() string       { return name(whereNames, w) }
func (a Aggregation) String() string { return name(aggregationNames, a) }

// String names the choices that a score depends on.
func (s Settings) String() string { return s.describe(s.Ablation) }

// describe is String with a value that knows its reference.
func (s Settings) describe(value fmt.Stringer) string {
	side := "circuit kept"
	if s.Removed {
		side = "circuit removed"
	}
	return fmt.Sprintf("%s, %s, %s, %s, %s", s.Components, value, s.Where, s.Aggregation, side)
}

func (s Settings) check() error {
	for _, c := range []struct {
		what  string
		v, of int
	}{
		{"components", int(s.Components), len(componentNames)}, {"where", int(s.Where), len(whereNames)},
		{"aggregation", int(s.Aggregation), len(aggregationNames)},
	} {
		if c.v < 0 || c.v >= c.of {
			return fmt.Errorf("settings: %s %d is not known", c.what, c.v)
		}
	}
	return nil
}

// cutsEdges tells whether single edges are cut, and not all that a part writes.
func (s Settings) cutsEdges() bool { return s.Components == HeadEdges || s.Components == AllEdges }

// takesMLPs tells whether MLPs are taken away.
func (s Settings) takesMLPs() bool { return s.Components == HeadsAndMLPs || s.Components == AllEdges }

// cuts tells whether an edge from a part to another one can be cut.
func (s Settings) cuts(from, to graph.Part) bool {
	return s.Components == AllEdges || from.IsHead() && to.Kind != graph.MLPPart
}

// point is where what a part writes is replaced, or subtracted from what others
// read if edges are cut.
func (s Settings) point(p graph.Part) hook.Point {
	switch {
	case p.Kind == graph.MLPPart:
		return hook.MLPOut(p.Layer)
	case p.Kind == graph.EmbedPart:
		return hook.ResidPre(0)
	case s.cutsEdges():
		return hook.HeadResult(p.Layer)
	}
	return hook.Z(p.Layer)
}

// parts are all that can be taken away.
func (s Settings) parts(c config.Config) []graph.Part {
	all := graph.AllHeads(c)
	if s.Components == AllEdges {
		all = append(all, graph.Embed())
	}
	if s.takesMLPs() && !c.AttnOnly() {
		for l := range c.Layers {
			all = append(all, graph.MLP(l))
		}
	}
	return all
}

// points are the activations of all parts.
func (s Settings) points(c config.Config) []hook.Point {
	var points []hook.Point
	for _, p := range s.parts(c) {
		if at := s.point(p); at.Find(points) < 0 {
			points = append(points, at)
		}
	}
	return points
}
