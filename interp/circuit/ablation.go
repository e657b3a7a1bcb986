package circuit

import (
	"fmt"

	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

// Components says which parts a knock-out can take away.
type Components int

// The components.
const (
	Heads        Components = iota // attention heads; MLPs, norms and embeddings are untouched
	HeadsAndMLPs                   // MLPs outside of the circuit are taken away too
	// HeadEdges are edges from heads to the queries, keys and values of heads and
	// to the logits. MLPs read all heads of the circuit, and everything reads MLPs
	// and embeddings.
	HeadEdges
	// Edges are all edges of the residual stream, see [EdgesOf].
	Edges
)

// A Value says what takes the place of what a part writes.
type Value int

// The values.
const (
	TemplateMean Value = iota // its mean at that position over the reference prompts of the same template
	Mean                      // its mean over all tokens of the reference prompts
	Zero                      // nothing
	Resample                  // what it is on a reference prompt of the same template
)

// Positions says where the nodes of a circuit that name positions belong to it.
type Positions int

// The positions.
const (
	Listed     Positions = iota // where they say; elsewhere they are knocked out too
	Everywhere                  // everywhere
)

// Aggregation says how a ratio of metrics is taken over prompts.
type Aggregation int

// The aggregations.
const (
	RatioOfMeans Aggregation = iota
	MeanOfRatios
)

// A Side says what is knocked out when a circuit is tested.
type Side int

// The sides.
const (
	Kept    Side = iota // all but the circuit
	Removed             // the circuit
)

// An Ablation says how parts are knocked out, and how a circuit is held against
// the model. How faithful a circuit looks depends on every one of these
// choices, so they are part of each result. The zero value is that of Wang et
// al. 2022.
type Ablation struct {
	Components  Components
	Value       Value
	Positions   Positions
	Aggregation Aggregation
	Side        Side // of [Faithfulness]
	// Reference is the task whose corrupted prompts means are taken over, of the
	// same templates; nil means the task itself. Resampling takes each prompt's
	// own corruption from the task itself, and a drawn prompt from another.
	Reference *task.Task
	Seed      uint64 // of draws for Resample from another task
}

var (
	componentNames   = []string{"nodes (heads)", "nodes (heads and MLPs)", "edges (between heads)", "edges (all)"}
	valueNames       = []string{"mean within its template", "mean over all tokens", "zero", "resample"}
	positionNames    = []string{"positions as listed", "all positions"}
	aggregationNames = []string{"ratio of means", "mean of ratios"}
	sideNames        = []string{"circuit kept", "circuit removed"}
)

func name[T ~int](names []string, v T) string {
	if int(v) < 0 || int(v) >= len(names) {
		return fmt.Sprintf("unknown (%d)", int(v))
	}
	return names[v]
}

func (c Components) String() string  { return name(componentNames, c) }
func (v Value) String() string       { return name(valueNames, v) }
func (p Positions) String() string   { return name(positionNames, p) }
func (a Aggregation) String() string { return name(aggregationNames, a) }
func (s Side) String() string        { return name(sideNames, s) }

// String names all choices; the number of reference prompts is added where they
// are known.
func (a Ablation) String() string {
	return fmt.Sprintf("%s, %s, %s, %s, %s", a.Components, a.Value, a.Positions, a.Aggregation, a.Side)
}

func (a Ablation) check() error {
	for _, c := range []struct {
		what  string
		v, of int
	}{
		{"components", int(a.Components), len(componentNames)}, {"value", int(a.Value), len(valueNames)},
		{"positions", int(a.Positions), len(positionNames)}, {"aggregation", int(a.Aggregation), len(aggregationNames)},
		{"side", int(a.Side), len(sideNames)},
	} {
		if c.v < 0 || c.v >= c.of {
			return fmt.Errorf("ablation: %s %d is not known", c.what, c.v)
		}
	}
	return nil
}

// cutsEdges tells whether single edges are cut, and not all that a part writes.
func (a Ablation) cutsEdges() bool { return a.Components == HeadEdges || a.Components == Edges }

// takesMLPs tells whether MLPs are taken away.
func (a Ablation) takesMLPs() bool { return a.Components == HeadsAndMLPs || a.Components == Edges }

// point is where what a part writes is replaced, or subtracted from what others
// read if edges are cut.
func (a Ablation) point(p Part) hook.Point {
	switch {
	case p.Kind == KindMLP:
		return hook.MLPOut(p.Layer)
	case p.Kind == KindEmbed:
		return hook.ResidPre(0)
	case a.cutsEdges():
		return hook.HeadResult(p.Layer)
	}
	return hook.Z(p.Layer)
}

// parts are all that the ablation can take away.
func (a Ablation) parts(m *model.Model) []Part {
	c := m.Config()
	all := heads(c)
	if a.Components == Edges {
		all = append(all, Embed())
	}
	if a.takesMLPs() && !c.AttnOnly() {
		for l := range c.Layers {
			all = append(all, MLP(l))
		}
	}
	return all
}

// points are the activations of all parts.
func (a Ablation) points(m *model.Model) []hook.Point {
	var points []hook.Point
	for _, p := range a.parts(m) {
		if at := a.point(p); at.Find(points) < 0 {
			points = append(points, at)
		}
	}
	return points
}
