package discover_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/formula"
)

// edgePruning is what the authors' model of Edge Pruning gave: a gate for each edge, one
// for each writer, and the run in which an edge is kept by the product of both. Gates of
// their attention are [writer, head], of all writers of the model, later ones among them.
type edgePruning struct {
	*ledger
	s       *discover.Search
	g       *graph.Graph
	logitKL model.Metric
	info    struct {
		Writers []string
		Kept    []string `json:"cut0.5.edges"`
		Edges   int
		Targets struct{ Edge, Node float64 }
	}
	lambda map[string]float64
}

const gates = "transformer."

// read is the name of the gates of a receiver's edges, and where one of them lies there.
func (e *edgePruning) read(writer int, to graph.Receiver) (name string, at int) {
	layer := fmt.Sprintf("%sh.%d.", gates, to.Part.Layer)
	switch to.Input {
	case graph.ToLogits:
		return gates + "final_read_log_alphas", writer
	case graph.ToMLP:
		return layer + "mlp_read_log_alphas", writer
	}
	return layer + string(to.Input) + "_read_log_alphas", writer*e.s.Model.Config().Heads + to.Part.Index
}

// write is the name of a writer's own gate, and where it lies there.
func write(writer string) (name string, at int) {
	var layer int
	switch {
	case writer == "tok_embeds":
		return gates + "token_write_log_alpha", 0
	case writer == "pos_embeds":
		return gates + "pos_write_log_alpha", 0
	case writer[0] == 'm':
		fmt.Sscanf(writer, "m%d", &layer)
		return fmt.Sprintf("%sh.%d.mlp_write_log_alphas", gates, layer), 0
	}
	fmt.Sscanf(writer, "a%d.h%d", &layer, &at)
	return fmt.Sprintf("%sh.%d.attn_write_log_alphas", gates, layer), at
}

// each visits the edges of their graph. Those of embeddings that are no sender of ours
// have the sender -1.
func (e *edgePruning) each(visit func(sender, receiver int, writer string, row int)) {
	for row, writer := range e.info.Writers {
		for v := range e.g.Receivers {
			sender := -1
			for u, p := range e.g.Senders {
				if name := map[bool]string{true: "tok_embeds", false: writerName(p)}[p == graph.Embed()]; name == writer {
					sender = u
				}
			}
			if sender < 0 || e.g.Has(sender, v) {
				visit(sender, v, writer, row)
			}
		}
	}
}

// writerName is a sender as Edge Pruning names it.
func writerName(p graph.Part) string {
	if p.IsHead() {
		return fmt.Sprintf("a%d.h%d", p.Layer, p.Index)
	}
	return fmt.Sprintf("m%d", p.Layer)
}

// cut is what is cut where gates stand so. The embedding that is no writer always
// reaches everything, and that of the position is the same in both runs.
func (e *edgePruning) cut(gate func(name string, at int) float64) edge.Cut {
	share := array.New(array.Dim("receiver", len(e.g.Receivers)), array.Dim("sender", len(e.g.Senders)))
	e.each(func(u, v int, writer string, row int) {
		if u < 0 {
			return
		}
		name, at := e.read(row, e.g.Receivers[v])
		own, ownAt := write(writer)
		share.Set(1-gate(name, at)*gate(own, ownAt), v, u)
	})
	return edge.Cut{Share: share}
}

func (e *edgePruning) logits(c edge.Cut) []float64 {
	k := e.s.Task.Paired()
	return lastLogits(e.t, e.s.Model, model.Subgraphs{Base: k.Clean.Request(), Reference: model.Reference{Source: k.Corrupted.Request()}, Cuts: []edge.Cut{c}})
}

// sparsities are the shares of closed gates of edges and of writers, as their losses count
// them: an edge by its own gate, whatever its writer's is.
func (e *edgePruning) sparsities(gate func(name string, at int) float64) (edges, writers float64) {
	e.each(func(_, v int, _ string, row int) {
		name, at := e.read(row, e.g.Receivers[v])
		edges += (1 - gate(name, at)) / float64(e.info.Edges)
	})
	for _, writer := range e.info.Writers {
		name, at := write(writer)
		writers += (1 - gate(name, at)) / float64(len(e.info.Writers))
	}
	return edges, writers
}

// Every array that Edge Pruning's authors' model gave, with embeddings that are writers
// and without: sampled gates, the run with them, losses and their gradients, and runs with
// the gates that are left in the end.
func TestEveryArrayOfEdgePruning(t *testing.T) {
	for _, name := range []string{"embedding_nodes", "no_embedding_nodes"} {
		t.Run(name, func(t *testing.T) {
			dir := "testdata/edge_pruning/" + name
			e := &edgePruning{ledger: openLedger(t, dir, "edge_pruning.safetensors"), lambda: map[string]float64{}}
			e.s, _ = recorded(t, "gpt2")
			e.g, e.logitKL = graph.Of(e.s.Model.Config()), klOf(t, e.s)
			readJSON(t, dir+"/edge_pruning.json", &e.info)
			var all map[string]any
			readJSON(t, dir+"/edge_pruning.json", &all)
			for key, v := range all {
				if short, is := strings.CutPrefix(key, "lambda.transformer.sparsity_lambda_"); is {
					e.lambda[short] = v.(float64)
				}
			}
			e.trained()
			e.evaluated()
			e.without("their zero takes the position embedding, or a head's part of the output bias, which are no senders here",
				"eval.cut0.5.zero_ablated.logits", "eval.soft.zero_ablated.logits")
			e.done()
		})
	}
}

// alphas are the gates' parameters by name.
func (e *edgePruning) alphas(visit func(name string, logAlpha *array.Array)) {
	for key, a := range e.all {
		if name, is := strings.CutPrefix(key, "log_alpha."); is {
			visit(name, a)
		}
	}
}

// trained compares a step of training: gates of given draws, the run, losses, gradients.
func (e *edgePruning) trained() {
	z := map[string][]float64{}
	e.alphas(func(name string, alpha *array.Array) {
		z[name] = evaluated(formula.HardConcrete(formula.Tensor("alpha", e.of("log_alpha."+name)), formula.Tensor("u", e.of("u."+name))))
		e.near("z."+name, z[name])
	})
	gate := func(name string, at int) float64 { return z[name][at] }
	cut := e.cut(gate)
	e.near("train.logits", e.logits(cut))

	k := e.s.Task.Paired()
	got, err := e.s.Model.EdgeScores(model.EdgeScores{Base: k.Clean.Metric(e.logitKL), Reference: model.Reference{Source: k.Corrupted.Request()}, Shares: []edge.Cut{cut}})
	if err != nil {
		e.t.Fatal(err)
	}
	kl := got.Cut.Mean("batch").At(0)
	e.near("train.kl", []float64{kl})
	edges, writers := e.sparsities(gate)
	e.near("train.edge_sparsity", []float64{edges})
	e.near("train.node_sparsity", []float64{writers})
	loss := func(what string, sparsity, target float64) float64 {
		off := sparsity - target
		first, second := "sparsity_lambda_"+what+"s_1", "sparsity_lambda_"+what+"s_2"
		e.near("grad.transformer."+first, []float64{off})
		e.near("grad.transformer."+second, []float64{off * off})
		x := e.lambda[what+"s_1"]*off + e.lambda[what+"s_2"]*off*off
		e.near("train."+what+"_loss", []float64{x})
		return x
	}
	e.near("train.loss", []float64{kl + loss("edge", edges, e.info.Targets.Edge) + loss("node", writers, e.info.Targets.Node)})

	// By a gate: through what it keeps, and through the losses.
	by := map[string][]float64{}
	e.alphas(func(name string, alpha *array.Array) { by[name] = make([]float64, len(alpha.Values())) })
	byEdge := e.lambda["edges_1"] + 2*e.lambda["edges_2"]*(edges-e.info.Targets.Edge)
	byNode := e.lambda["nodes_1"] + 2*e.lambda["nodes_2"]*(writers-e.info.Targets.Node)
	byCut := got.Scores()
	e.each(func(u, v int, writer string, row int) {
		name, at := e.read(row, e.g.Receivers[v])
		own, ownAt := write(writer)
		by[name][at] -= byEdge / float64(e.info.Edges)
		if u >= 0 {
			by[name][at] -= byCut.At(v, u) * z[own][ownAt]
			by[own][ownAt] -= byCut.At(v, u) * z[name][at]
		}
	})
	for _, writer := range e.info.Writers {
		name, at := write(writer)
		by[name][at] -= byNode / float64(len(e.info.Writers))
	}
	e.alphas(func(name string, alpha *array.Array) {
		for i, a := range alpha.Values() {
			x := float64(e.all["u."+name].Values()[i])
			s := 1 / (1 + math.Exp(-1.5*(math.Log(x)-math.Log1p(-x)+float64(a))))
			if z[name][i] == 0 || z[name][i] == 1 {
				by[name][i] = 0
			}
			by[name][i] *= 1.2 * 1.5 * s * (1 - s)
		}
		e.near("grad."+name, by[name])
	})
}

// evaluated compares runs with the gates that are left: as many of a tensor are closed as
// are expected to be, the lowest, and others stay between; or are open from a half on.
func (e *edgePruning) evaluated() {
	soft := map[string][]float64{}
	e.alphas(func(name string, alpha *array.Array) {
		closed := 0.
		for _, p := range evaluated(formula.HardConcreteOpen(formula.Tensor("alpha", alpha))) {
			closed += 1 - p
		}
		x := make([]float64, len(alpha.Values()))
		for i, a := range alpha.Values() {
			x[i] = 1 / (1 + math.Exp(-.8*1.5*float64(a)))
		}
		order := make([]int, len(x))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(i, j int) int { return int(math.Copysign(1, x[i]-x[j])) })
		for _, i := range order[:int(math.RoundToEven(closed))] {
			x[i] = 0
		}
		soft[name] = x
		e.near("deterministic."+name, x)
	})
	half := map[string][]float64{}
	for name, x := range soft {
		half[name] = make([]float64, len(x))
		for i, v := range x {
			if v > .5 {
				half[name][i] = 1
			}
		}
	}
	for key, gates := range map[string]map[string][]float64{"soft": soft, "cut0.5": half} {
		gate := func(name string, at int) float64 { return gates[name][at] }
		e.near("eval."+key+".logits", e.logits(e.cut(gate)))
		edges, _ := e.sparsities(gate)
		counted := slices.DeleteFunc(slices.Clone(e.info.Writers), func(w string) bool { return w == "pos_embeds" }) // it is left out here
		writers := 0.
		for _, w := range counted {
			name, at := write(w)
			writers += (1 - gate(name, at)) / float64(len(counted))
		}
		kept := 0.
		e.each(func(_, v int, writer string, row int) {
			name, at := e.read(row, e.g.Receivers[v])
			own, ownAt := write(writer)
			kept += gate(name, at) * gate(own, ownAt)
		})
		e.near("eval."+key+".sparsity_edge_node_effective", []float64{edges, writers, 1 - kept/float64(e.info.Edges)})
	}
	// What is left of the second by its names.
	var kept []string
	e.each(func(_, v int, writer string, row int) {
		name, at := e.read(row, e.g.Receivers[v])
		own, ownAt := write(writer)
		if half[name][at]*half[own][ownAt] == 1 {
			to := e.g.Receivers[v]
			into := map[graph.Input]string{graph.ToLogits: "resid_post", graph.ToMLP: writerName(to.Part)}[to.Input]
			if to.Part.IsHead() {
				into = writerName(to.Part) + "." + string(to.Input)
			}
			kept = append(kept, writer+"->"+into)
		}
	})
	slices.Sort(kept)
	if want := slices.Sorted(slices.Values(e.info.Kept)); !slices.Equal(kept, want) {
		e.t.Errorf("%d edges are kept, recorded %d", len(kept), len(want))
	}
}
