package feature

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/golens/golens/model"
)

// A NodeKind says what a node of an attribution graph is.
type NodeKind string

// The kinds, in the order in which nodes stand.
const (
	FeatureNode NodeKind = "feature"
	ErrorNode   NodeKind = "error" // what a transcoder leaves over, at a layer and position
	TokenNode   NodeKind = "token" // an embedding
	LogitNode   NodeKind = "logit"
)

// A Node is one of an attribution graph.
type Node struct {
	Kind       NodeKind
	Layer, Pos int
	Feature    int
	Token      int32   // of tokens and logits
	Activation float64 // of a feature
	Prob       float64 // of a logit
	Label      string
}

// String names it: feature 3.120 at " cat".
func (n Node) String() string {
	switch n.Kind {
	case FeatureNode:
		return fmt.Sprintf("feature %d.%d at %d %q", n.Layer, n.Feature, n.Pos, n.Label)
	case ErrorNode:
		return fmt.Sprintf("error of layer %d at %d %q", n.Layer, n.Pos, n.Label)
	case TokenNode:
		return fmt.Sprintf("token %d %q", n.Pos, n.Label)
	}
	return fmt.Sprintf("logit %q (%.3f)", n.Label, n.Prob)
}

// An Edge is what a source adds to a target.
type Edge struct {
	Source int // node
	Weight float32
}

// A Graph is the attribution graph of a prompt: for every target that was followed,
// what each source adds to it in the replacement model with attention patterns and
// norms as they were. Targets are pre-activations of features, and logits less their
// mean over the vocabulary.
type Graph struct {
	Tokens  []int32
	Labels  []string
	Nodes   []Node   // features by layer, position and number, then errors, tokens, logits
	Rows    [][]Edge // of each node, sources rising; nil for errors, tokens and features not followed
	Active  int      // features that fired, of which the most influential are nodes
	Biases  []float64
	Targets []float64 // what each target reads in the model: the sum of its row and its bias

	// Conservation is the largest difference between what a target reads and the sum of
	// its row and bias, over the size of its parts. It should be a few 1e-6.
	Conservation float64
	Dropped      float64 // largest share of a row that was not kept
	Layers       int
	Seconds      float64
	model.Provenance
}

// count is how many nodes are of a kind.
func (g *Graph) count(k NodeKind) (n int) {
	for _, x := range g.Nodes {
		if x.Kind == k {
			n++
		}
	}
	return n
}

// weights are the probabilities of logits, 0 for other nodes.
func (g *Graph) weights() []float64 {
	p := make([]float64, len(g.Nodes))
	for i, n := range g.Nodes {
		if n.Kind == LogitNode {
			p[i] = n.Prob
		}
	}
	return p
}

// influence is p (Â + Â² + ...), Â being the absolute rows over their sums.
func influence(rows [][]Edge, p []float64) []float64 {
	sums := make([]float64, len(rows))
	for t, row := range rows {
		for _, e := range row {
			sums[t] += math.Abs(float64(e.Weight))
		}
		sums[t] = max(sums[t], 1e-10)
	}
	total, now := make([]float64, len(p)), slices.Clone(p)
	for step := 0; step <= len(rows); step++ { // the graph has no circles
		next := make([]float64, len(p))
		some := false
		for t, row := range rows {
			if now[t] == 0 {
				continue
			}
			for _, e := range row {
				v := now[t] * math.Abs(float64(e.Weight)) / sums[t]
				next[e.Source] += v
				some = some || v != 0
			}
		}
		if !some {
			break
		}
		for i, v := range next {
			total[i] += v
		}
		now = next
	}
	return total
}

// Influence is how much of what the logits read comes through each node, weighted by
// their probabilities [node].
func (g *Graph) Influence() []float64 { return influence(g.Rows, g.weights()) }

// Scores are the replacement score, the share of influence from tokens rather than
// errors at the ends, and the completeness score, the share of inputs of all nodes,
// by influence, that are not errors.
func (g *Graph) Scores() (replacement, completeness float64) {
	p := g.weights()
	infl := influence(g.Rows, p)
	var tokens, errs, sum, whole float64
	for i, n := range g.Nodes {
		switch n.Kind {
		case TokenNode:
			tokens += infl[i]
		case ErrorNode:
			errs += infl[i]
		}
		row, wrong := 0.0, 0.0
		for _, e := range g.Rows[i] {
			row += math.Abs(float64(e.Weight))
			if g.Nodes[e.Source].Kind == ErrorNode {
				wrong += math.Abs(float64(e.Weight))
			}
		}
		w := infl[i] + p[i]
		sum += w * (1 - wrong/max(row, 1e-10))
		whole += w
	}
	return tokens / (tokens + errs), sum / whole
}

// threshold is the score from which on the largest scores make up a share of all.
func threshold(scores []float64, share float64) float64 {
	s := slices.Clone(scores)
	slices.SortFunc(s, func(a, b float64) int { return cmp.Compare(b, a) })
	whole := 0.0
	for _, v := range s {
		whole += v
	}
	sum := 0.0
	for _, v := range s {
		if sum += v; sum/whole >= share {
			return v
		}
	}
	return s[len(s)-1]
}

// A Pruned is a part of a graph.
type Pruned struct {
	*Graph
	Share      float64 // of influence that was to be kept
	EdgeShare  float64 // of the edges' that was to be kept
	Kept       []bool  // nodes
	Edges      [][]Edge
	Cumulative []float64 // share of influence of a node and all that have more
}

// Prune keeps the nodes that have a share of all influence, and of their edges those
// that have a share of all edges'; then leaves out features that nothing is left of on
// one side. Tokens and logits stay. Circuit-tracer's shares are 0.8 and 0.98.
func (g *Graph) Prune(nodes, edges float64) *Pruned {
	p := g.weights()
	infl := influence(g.Rows, p)
	least := threshold(infl, nodes)
	out := &Pruned{Graph: g, Share: nodes, EdgeShare: edges, Kept: make([]bool, len(g.Nodes)), Cumulative: make([]float64, len(g.Nodes))}
	order := make([]int, len(infl))
	whole := 0.0
	for i := range order {
		order[i] = i
		whole += infl[i]
		k := g.Nodes[i].Kind
		out.Kept[i] = infl[i] >= least || k == TokenNode || k == LogitNode
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(infl[b], infl[a]) })
	sum := 0.0
	for _, i := range order {
		sum += infl[i]
		out.Cumulative[i] = sum / whole
	}
	left := func(rows [][]Edge) [][]Edge {
		cut := make([][]Edge, len(rows))
		for t, row := range rows {
			for _, e := range row {
				if out.Kept[t] && out.Kept[e.Source] {
					cut[t] = append(cut[t], e)
				}
			}
		}
		return cut
	}
	rows := left(g.Rows)
	infl = influence(rows, p)
	var scores []float64
	each := make([][]float64, len(rows))
	for t, row := range rows {
		whole := 0.0
		for _, e := range row {
			whole += math.Abs(float64(e.Weight))
		}
		for _, e := range row {
			s := math.Abs(float64(e.Weight)) / max(whole, 1e-10) * (infl[t] + p[t])
			scores, each[t] = append(scores, s), append(each[t], s)
		}
	}
	if len(scores) > 0 {
		least = threshold(scores, edges)
		for t, row := range rows {
			k := 0
			rows[t] = slices.DeleteFunc(row, func(Edge) bool { k++; return each[t][k-1] < least })
		}
	}
	for {
		to, from := make([]bool, len(rows)), make([]bool, len(rows))
		for t, row := range rows {
			for _, e := range row {
				to[t], from[e.Source] = true, true
			}
		}
		changed := false
		for i, n := range g.Nodes {
			gone := (n.Kind == FeatureNode || n.Kind == ErrorNode) && !from[i] || n.Kind == FeatureNode && !to[i]
			if out.Kept[i] && gone {
				out.Kept[i], changed = false, true
			}
		}
		if !changed {
			break
		}
		rows = left(rows)
	}
	out.Edges = rows
	return out
}

// String says what is left of the graph, and what the graph is.
func (p *Pruned) String() string {
	nodes, edges := 0, 0
	for i, kept := range p.Kept {
		if kept {
			nodes++
		}
		edges += len(p.Edges[i])
	}
	return fmt.Sprintf("pruned to %d of %d nodes and %d edges (%g%% of the influence of nodes, %g%% of that of edges)\n%s",
		nodes, len(p.Nodes), edges, 100*p.Share, 100*p.EdgeShare, p.Graph)
}

// String says what the graph is, and how far its numbers can be trusted.
func (g *Graph) String() string {
	var b strings.Builder
	replacement, completeness := g.Scores()
	followed := 0
	for i, row := range g.Rows {
		if row != nil && g.Nodes[i].Kind == FeatureNode {
			followed++
		}
	}
	fmt.Fprintf(&b, "attribution graph of %d tokens: %d features (of %d that fire), %d errors, %d logits\n", len(g.Tokens), followed, g.Active, g.count(ErrorNode), g.count(LogitNode))
	fmt.Fprintf(&b, "replacement score %.3f, completeness score %.3f; rows and biases add up within %.1e of what targets read", replacement, completeness, g.Conservation)
	if g.Dropped > 0 {
		fmt.Fprintf(&b, "; at most %.2g of a row was not kept", g.Dropped)
	}
	fmt.Fprintf(&b, "; %.1f s\n", g.Seconds)
	for _, n := range g.Nodes {
		if n.Kind == LogitNode {
			fmt.Fprintf(&b, "%s\n", n)
		}
	}
	fmt.Fprint(&b, g.Provenance)
	return b.String()
}
