package discover

import (
	"fmt"
	"math"
	"slices"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// A Kind is which activations are scored as nodes.
type Kind string

// The kinds.
const (
	Outputs     Kind = "outputs"     // what the embedding, each head and each MLP writes
	Coordinates Kind = "coordinates" // each coordinate of these (neurons, as EAP-IG calls them)
	Neurons     Kind = "neurons"     // each neuron of each MLP
	HeadInputs  Kind = "inputs"      // each head's query, key and value, and what each MLP writes
)

// NodeScoring says how nodes are scored. The zero value is attribution patching of
// [Outputs] (AtP).
type NodeScoring struct {
	Scoring // Exact, MaskIG and their settings are for edges
	Kind    Kind
}

// A NodeScores is the scores of nodes, with those of each prompt as samples: by how
// much the metric changes, to first order, if what the node writes is the
// reference's. [node], [node, d_model] of Coordinates, [layer, neuron] of Neurons.
type NodeScores struct {
	*interp.Result
	Kind Kind
}

// Nodes scores nodes by gradients, with the runs that score edges. A pass and a way
// back for each run, and two passes. Sources: Nanda 2022; Hanna et al. 2024.
func (s *Search) Nodes(o NodeScoring) (*NodeScores, error) {
	r, err := s.nodes(o)
	if err != nil {
		return nil, fmt.Errorf("scores of nodes: %w", err)
	}
	return r, nil
}

// A place is where a node's values lie: those at one head, or all.
type place struct {
	label string
	point hook.Point
	head  int // -1: no heads
}

// places are the nodes of a kind.
func (s *search) places(k Kind) (all []place, err error) {
	c := s.Model.Config()
	heads := func(p hook.Point, n int, name string) {
		for h := range n {
			all = append(all, place{fmt.Sprintf("%s%s", graph.Head(p.Layer, h), name), p, h})
		}
	}
	switch k {
	case Outputs, Coordinates:
		all = append(all, place{"embed", s.first(), -1})
	case Neurons, HeadInputs:
	default:
		return nil, fmt.Errorf("there are no %q; there are %q", k, []Kind{Outputs, Coordinates, Neurons, HeadInputs})
	}
	for l := range c.Layers {
		switch k {
		case Outputs:
			heads(hook.Z(l), c.Heads, "") // the output is linear in it
		case Coordinates:
			heads(hook.HeadResult(l), c.Heads, "")
		case HeadInputs:
			heads(hook.Q(l), c.Heads, " q")
			heads(hook.K(l), c.KVHeads, " k")
			heads(hook.V(l), c.KVHeads, " v")
		}
		switch {
		case c.AttnOnly():
		case k == Neurons:
			all = append(all, place{fmt.Sprint(l), hook.MLPPost(l), -1})
		default:
			all = append(all, place{graph.MLP(l).String(), hook.MLPOut(l), -1})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: the model has no MLPs", k)
	}
	return all, nil
}

func (s *Search) nodes(o NodeScoring) (*NodeScores, error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	if o.Kind == "" {
		o.Kind = Outputs
	}
	by, ok := scorers[o.Method]
	if !ok {
		return nil, fmt.Errorf("%s scores edges alone", o.Method)
	}
	w, err := s.check()
	if err != nil {
		return nil, err
	}
	if by.clean && w.Metric.Kind == model.KindKL {
		return nil, fmt.Errorf("%s: the divergence from the clean run has no gradient there", o.Method)
	}
	if by.clean || o.Method == CleanCorrupted {
		o.Steps = 0
	}
	at, err := w.places(o.Kind)
	if err != nil {
		return nil, err
	}
	var points []hook.Point
	for _, p := range at {
		if p.point.Find(points) < 0 {
			points = append(points, p.point)
		}
	}
	base := w.base(w.Metric)
	if err := s.Model.Check(base.Grad(points...)); err != nil {
		return nil, err
	}
	runs, err := by.runs(w, o.Scoring)
	if err != nil {
		return nil, err
	}
	grads, err := w.gradients(runs, points)
	if err != nil {
		return nil, err
	}
	clean, err := s.Model.Run(w.Clean.Capture(points...))
	if err != nil {
		return nil, err
	}
	var other *model.Result
	if w.reference.Source.Rows != nil {
		if other, err = s.Model.Run(w.reference.Source.Capture(points...)); err != nil {
			return nil, fmt.Errorf("reference: %w", err)
		}
	}
	return w.scoreNodes(o, by.source, at, grads, clean, other)
}

// gradients are the means over runs of the gradients at some points, nil standing
// for the clean run.
func (s *search) gradients(runs [][]hook.Edit, points []hook.Point) (map[hook.ID][]float32, error) {
	if runs == nil {
		runs = [][]hook.Edit{nil}
	}
	grads := map[hook.ID][]float32{}
	for _, edits := range runs {
		got, err := s.Model.Run(s.base(s.Metric).Edit(edits...).Grad(points...))
		if err != nil {
			return nil, err
		}
		for _, g := range got.Grads {
			if err := g.Array.Err(); err != nil {
				return nil, err
			}
			sum := grads[g.Point.ID]
			if sum == nil {
				sum = make([]float32, len(g.Array.Values()))
				grads[g.Point.ID] = sum
			}
			for i, v := range interp.Finite(g.Array.Values()) {
				sum[i] += v / float32(len(runs))
			}
		}
	}
	return grads, nil
}

// scoreNodes multiplies differences with gradients.
func (s *search) scoreNodes(o NodeScoring, source string, at []place, grads map[hook.ID][]float32, clean, other *model.Result) (*NodeScores, error) {
	wide := o.Kind == Coordinates || o.Kind == Neurons
	rows, width := len(s.Clean.IDs), 1
	labels := make([]string, len(at))
	for i, p := range at {
		labels[i] = p.label
	}
	c := s.Model.Config()
	axes := []array.Axis{array.Dim("sample", rows), array.Labels("node", labels)}
	switch o.Kind {
	case Coordinates:
		width = c.DModel
		axes = append(axes, array.Dim("d_model", width))
	case Neurons:
		width = c.DMLP
		axes = []array.Axis{axes[0], array.Labels("layer", labels), array.Dim("neuron", width)}
	}
	samples := array.New(axes...)
	for i, p := range at {
		a := clean.At(p.point)
		if err := a.Err(); err != nil {
			return nil, err
		}
		shape := a.Shape() // [batch, pos, (head,) d]
		d := shape[len(shape)-1]
		heads := 1
		if p.head >= 0 {
			heads = shape[2]
		}
		own, g := interp.Finite(a.Values()), grads[p.point.ID]
		instead := make([]float32, len(own))
		if other != nil {
			instead = interp.Finite(other.At(p.point).Values())
		}
		if err := sameSize(own, instead); err != nil {
			return nil, err
		}
		for row := range rows {
			to := samples.Values()[(row*len(at)+i)*width:][:width]
			for pos := range len(s.Clean.IDs[row]) {
				first := ((row*shape[1]+pos)*heads + max(p.head, 0)) * d
				for j := range d {
					v := (instead[first+j] - own[first+j]) * g[first+j]
					if wide {
						to[j] += v
					} else {
						to[0] += v
					}
				}
			}
		}
	}
	return &NodeScores{Kind: o.Kind, Result: &interp.Result{
		Array: samples.Mean("sample").Named("scores of "+string(o.Kind), "change of the metric"), Samples: samples, Source: source, Provenance: clean.Provenance,
		Method: fmt.Sprintf("%s of %s on %d prompts, %s in place of what they are", o.Scoring, o.Kind, rows, s.instead),
	}}, nil
}

// HISP is the importance of each head's query, key and value and of each MLP by
// scores of [HeadInputs]: sizes, added up over prompts, as shares of the Euclidean
// norm of those of a layer [node]. Sources: Michel et al. 2019; Conmy et al. 2023.
func (s *NodeScores) HISP() (*interp.Result, error) {
	if s.Kind != HeadInputs {
		return nil, fmt.Errorf("HISP: these are scores of %s; it takes those of %s", s.Kind, HeadInputs)
	}
	names := s.Axes()[0].Labels
	out := array.New(s.Axes()...)
	for i, v := range s.Samples.Values() {
		out.Values()[i%len(names)] += float32(math.Abs(float64(v)))
	}
	layers := make([]int, len(names)) // a layer ends with its MLP, or where the next begins
	norms := map[int]float64{}
	for i, name := range names {
		if _, err := fmt.Sscanf(name, "mlp %d", &layers[i]); err != nil {
			if _, err := fmt.Sscanf(name, "%d.", &layers[i]); err != nil {
				return nil, fmt.Errorf("HISP: %q is no head and no MLP", name)
			}
		}
		norms[layers[i]] += float64(out.Values()[i]) * float64(out.Values()[i])
	}
	for i := range names {
		out.Values()[i] = float32(float64(out.Values()[i]) / max(math.Sqrt(norms[layers[i]]), 1e-6))
	}
	r := s.Of(out.Named("head importance", "of its layer"))
	r.Method, r.Source = "HISP, "+s.Method, "Michel et al. 2019; Conmy et al. 2023"
	return r, nil
}

// Best are the n nodes with the largest sizes of scores, the largest first; of
// Outputs alone.
func (s *NodeScores) Best(n int) ([]graph.Part, error) {
	if s.Kind != Outputs {
		return nil, fmt.Errorf("the best parts are of scores of %s, not of %s", Outputs, s.Kind)
	}
	names := s.Axes()[0].Labels
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		d := math.Abs(s.At(b)) - math.Abs(s.At(a))
		switch {
		case d > 0:
			return 1
		case d < 0:
			return -1
		}
		return 0
	})
	var parts []graph.Part
	for _, i := range order[:min(max(n, 0), len(order))] {
		p, err := graph.ParsePart(names[i])
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return parts, nil
}
