package circuit

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model/array"
)

// A NodeChange is how much a node does in the circuit.
type NodeChange struct {
	Node     Node
	K        []graph.Part
	With     Estimate // F(C\K)
	Without  Estimate // F(C\(K+v))
	Change   Estimate // |F(C\(K+v)) - F(C\K)|
	Share    float64  // of |F(M) - F(∅)|, NaN if the two are not told apart
	Opposing bool     // the metric gets better without the node
}

// A Minimality is how much each node does in a circuit.
type Minimality struct {
	*interp.Result // the changes [node]
	Circuit        string
	Settings       Settings
	Nodes          []NodeChange
	Whole, Empty   Estimate // F(M), and F(∅) with everything gone
}

// Minimality measures for each node v of the circuit how much it changes when it
// is taken out beside a set K, |F(C\(K+v)) - F(C\K)|. A node that changes
// nothing for any K is idle and makes the circuit larger than need be. That v
// matters for one K is all that is asked: nodes that stand in for each other
// show only without the others.
//
// Shares are of what there is to lose, F(M) - F(∅); Wang et al. give them of F(M).
// Where the change may be none its interval begins at 0.
//
// Two passes per node, of what it changes, and two. Source: Wang et al. 2022,
// section 4.
func (t *Test) Minimality(c *Circuit) (*Minimality, error) {
	r, err := t.minimality(c)
	if err != nil {
		return nil, fmt.Errorf("minimality: %w", err)
	}
	return r, r.Err()
}

func (t *Test) minimality(c *Circuit) (*Minimality, error) {
	k, err := t.of(c)
	if err != nil {
		return nil, err
	}
	w, s, n := k.without(c), t.Settings, t.Task.Len()
	if err := s.Beside.measure(w); err != nil {
		return nil, err
	}
	whole, empty, err := k.ends()
	if err != nil {
		return nil, err
	}
	r, gap := &Minimality{Circuit: c.Title(), Settings: s}, gapOf(whole, empty)
	if r.Whole, r.Empty, err = estimateBoth(s.Bootstrap, whole, empty); err != nil {
		return nil, err
	}
	names := make([]string, len(c.Nodes))
	values := array.New(array.Dim("node", len(c.Nodes)))
	samples := array.New(array.Dim("sample", n), array.Dim("node", len(c.Nodes)))
	for i, node := range c.Nodes {
		one, before, after, err := w.change(node)
		if err != nil {
			return nil, err
		}
		one.Share = one.Change.Value / gap
		r.Nodes = append(r.Nodes, one)
		names[i] = node.Part.String()
		values.Set(one.Change.Value, i)
		for row := range before {
			samples.Set(after[row]-before[row], row, i)
		}
	}
	r.Result = k.result(nil, "node", names, "", "")
	r.Array, r.Samples = values.Label("node", names).Named(`|F(C\(K+v)) − F(C\K)|`, t.Task.Metric.Unit()), samples
	if s.Beside.Best {
		r.Method += ", the largest of several K"
	}
	return r, nil
}

// change measures a node by the K with the largest change.
func (w *withoutSets) change(n Node) (best NodeChange, before, after []float64, err error) {
	best.Node = n
	best.K, _ = w.Beside.most(w, n)
	before, after = w.alone[key(best.K)], w.alone[key(with(best.K, n.Part))]
	best.Opposing = meanOf(after) > meanOf(before) != w.Task.Metric.LowerIsBetter()
	if best.With, best.Without, err = estimateBoth(w.Bootstrap, before, after); err != nil {
		return best, nil, nil, err
	}
	best.Change, err = estimateSize(w.Bootstrap, w.Task.Len(), func(rows []int) float64 { return mean(after, rows) - mean(before, rows) })
	return best, before, after, err
}

// String is a table of the nodes, and the settings.
func (r *Minimality) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "minimality of %s, F(M) = %s, F(∅) = %s\n", r.Circuit, r.Whole, r.Empty)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "v\tclass\tK\tF(C\\K)\tF(C\\(K+v))\tchange\tof F(M) − F(∅)\t")
	for _, n := range r.Nodes {
		sign := ""
		if n.Opposing {
			sign = "better without it"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%.3f\t%.3f\t%s\t%.1f%%\t%s\n", n.Node.Part, n.Node.Class, Join(n.K), n.With.Value, n.Without.Value, n.Change, 100*n.Share, sign)
	}
	_ = w.Flush() // a strings.Builder takes everything
	fmt.Fprintf(&b, "%s (%s)\n%s\n", r.Method, r.Source, r.Provenance)
	return b.String()
}
