package discover_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/modeltest"
)

// autoCircuit is what auto-circuit gave: arrays [receiver, sender], whose first sender is
// all that enters the first block.
type autoCircuit struct {
	*ledger
	s    *discover.Search
	g    *graph.Graph
	info struct {
		Order  []string `json:"acdc_edge_order"`
		Counts []int    `json:"run_counts"`
	}
}

func openAutoCircuit(t *testing.T) *autoCircuit {
	t.Helper()
	s, _ := recorded(t, "gpt2")
	s.WholeEmbedding = true
	a := &autoCircuit{ledger: openLedger(t, "testdata/acdc", "auto_circuit.safetensors"), s: s, g: graph.Of(s.Model.Config())}
	readJSON(t, "testdata/acdc/auto_circuit.json", &a.info)
	return a
}

// theirs are numbers of edges as they lie there.
func (a *autoCircuit) theirs(of func(sender, receiver int) float64) []float64 {
	out := make([]float64, len(a.g.Senders)*len(a.g.Receivers))
	for u, v := range a.g.All().Edges() {
		out[v*len(a.g.Senders)+u] = of(u, v)
	}
	return out
}

// Every array that auto-circuit gave, but for head importance, which
// [TestHISPIsRecorded] compares.
func TestEveryArrayOfAutoCircuit(t *testing.T) {
	a := openAutoCircuit(t)
	a.without("TestHISPIsRecorded", "hisp.")
	a.hardConcrete()
	a.gradients()
	a.runs()
	a.removals()
	a.masks()
	a.done()
}

// hardConcrete compares gates of given draws, which they keep from the ends.
func (a *autoCircuit) hardConcrete() {
	draws := slices.Clone(a.of("hard_concrete.u").Values())
	for i, u := range draws {
		draws[i] = min(max(u, 1e-4), 1-1e-4)
	}
	a.near("hard_concrete.sample", evaluated(formula.HardConcrete(formula.Tensor("logit", a.of("hard_concrete.logit")), formula.Tensor("u", array.Of(draws, array.Dim("gate", len(draws)))))))
}

// evaluated is a formula that reads nothing but tensors.
func evaluated(f formula.Expr) []float64 {
	x, _ := modeltest.Evaluate(f, nil)
	return x.X
}

// gradients compares gradients by masks of minus a metric: at no edge cut they are EAP.
func (a *autoCircuit) gradients() {
	k := a.s.Task.Paired()
	scores := func(m model.Metric, instead *ablate.Ablation) *discover.Scores {
		a.t.Helper()
		one := *a.s
		one.Task, one.Ablation = k.With(m), instead
		got, err := one.Scores(discover.Scoring{})
		if err != nil {
			a.t.Fatal(err)
		}
		return got
	}
	// weighted is the mean over prompts of scores times a number of each, less others.
	weighted := func(of, less *discover.Scores, w, lessW []float64) []float64 {
		return a.theirs(func(u, v int) (sum float64) {
			for row := range k.Clean.IDs {
				n := float64(len(k.Clean.IDs))
				sum -= w[row] * of.Samples.At(row, u, v) / n
				if less != nil {
					sum += lessW[row] * less.Samples.At(row, u, v) / n
				}
			}
			return sum
		})
	}
	ones := []float64{1, 1, 1, 1}
	answer, wrong := k.Metric.Answer, k.Metric.Wrong
	of := map[string]func(model.Choice) model.Metric{
		"logit": model.Logit, "prob": model.Prob,
		"logprob":   func(c model.Choice) model.Metric { return model.Metric{Kind: model.KindLogProb, Answer: c} },
		"logit_exp": model.Logit, // whose denominator passes no gradient: probability times logit
	}
	for name, metric := range of {
		w, lessW := ones, ones
		if name == "logit_exp" {
			run, err := a.s.Model.Run(k.Clean.Metric(model.Prob(answer), model.Prob(wrong)))
			if err != nil {
				a.t.Fatal(err)
			}
			w, lessW = wide(run.PerRow(0).Values()), wide(run.PerRow(1).Values())
		}
		right, less := scores(metric(answer), nil), scores(metric(wrong), nil)
		a.near("mask_gradient."+name+".avg_val.mask0", weighted(right, nil, w, nil))
		a.near("mask_gradient."+name+".avg_diff.mask0", weighted(right, less, w, lessW))
	}
	for key, instead := range map[string]*ablate.Ablation{
		"eap": nil, "mask_gradient.logit.avg_diff.mask0.zero": {Value: ablate.Zero}, "mask_gradient.logit.avg_diff.mask0.mean_corrupt": {Value: ablate.PositionMean},
	} {
		a.near(key, weighted(scores(k.Metric, instead), nil, ones, nil))
	}
	// Where edges are cut, and summed over six places between nothing and all.
	for key, shares := range map[string][]float64{"mask_gradient.logit.avg_diff.mask1": {1}, "mask_gradient.logit.avg_diff.ig5": {0, .2, .4, .6, .8, 1}} {
		ask := model.EdgeScores{Base: k.Clean.Metric(k.Metric), Reference: a.reference(nil)}
		for _, share := range shares {
			ask.Shares = append(ask.Shares, a.cut(func(int, int) float64 { return share }))
		}
		got, err := a.s.Model.EdgeScores(ask)
		if err != nil {
			a.t.Fatal(err)
		}
		mean := got.Scores()
		sums := a.theirs(func(u, v int) float64 { return -mean.At(v, u) * float64(len(shares)) })
		if len(shares) > 1 {
			a.near(key, sums)
			continue
		}
		// With every edge cut each sender writes what it does in the reference: nothing is left
		// to differ, and what rounding leaves is small beside the scores of no edge cut.
		most, _ := a.of("eap").Max()
		for i, x := range sums {
			if w := float64(a.of(key).Values()[i]); math.Abs(x-w) > 1e-4*most || math.Abs(w) > 1e-9 {
				a.t.Errorf("%s: number %d is %.3g, recorded %.3g", key, i, x, w)
			}
		}
	}
}

// cut is by a share of each edge.
func (a *autoCircuit) cut(share func(sender, receiver int) float64) edge.Cut {
	out := array.New(array.Dim("receiver", len(a.g.Receivers)), array.Dim("sender", len(a.g.Senders)))
	for u, v := range a.g.All().Edges() {
		out.Set(share(u, v), v, u)
	}
	return edge.Cut{Share: out}
}

func (a *autoCircuit) reference(instead *ablate.Ablation) model.Reference {
	a.t.Helper()
	one := *a.s
	one.Ablation = instead
	r, err := one.Reference()
	if err != nil {
		a.t.Fatal(err)
	}
	return r
}

// everyLogit are metrics that are the logits of all tokens.
func everyLogit(m *model.Model) (all []model.Metric) {
	for id := range m.Config().Vocab {
		all = append(all, model.Logit(model.IDs(int32(id))))
	}
	return all
}

// lastLogits are those of subgraphs [variant, batch, vocab].
func lastLogits(t *testing.T, m *model.Model, ask model.Subgraphs) []float64 {
	t.Helper()
	ask.Base.Metrics = everyLogit(m)
	got, err := m.Subgraphs(ask)
	if err != nil {
		t.Fatal(err)
	}
	rows, n := len(ask.Base.Rows), len(ask.Base.Metrics)
	out := make([]float64, len(ask.Cuts)*rows*n)
	for id := range n {
		for i, v := range got.PerRow(id).Values() {
			out[i*n+id] = float64(v)
		}
	}
	return out
}

// runs compares the logits of subgraphs of growing size, run on clean prompts with the
// rest cut, and on corrupted ones where what is in the subgraph comes from the others.
func (a *autoCircuit) runs() {
	k := a.s.Task.Paired()
	scores := a.all["mask_gradient.logit.avg_diff.mask0"]
	order := make([]pair, 0, a.g.Len())
	for u, v := range a.g.All().Edges() {
		order = append(order, pair{u, v})
	}
	size := func(p pair) float64 { return math.Abs(scores.At(p.receiver, p.sender)) }
	slices.SortStableFunc(order, func(p, q pair) int { return cmp.Compare(size(q), size(p)) })
	both := k.Clean
	both.IDs = slices.Concat(k.Clean.IDs, k.Corrupted.IDs)
	both.Labels = nil
	for _, way := range []string{"TREE_PATCH", "EDGE_PATCH"} {
		from, other := k.Clean, k.Corrupted
		if way == "EDGE_PATCH" {
			from, other = other, from
		}
		var cuts []edge.Cut
		for _, n := range a.info.Counts {
			set := a.g.None()
			for _, p := range order[:n] {
				set.Add(p.sender, p.receiver)
			}
			if way == "EDGE_PATCH" {
				set = set.Rest()
			}
			cuts = append(cuts, set.Cut(""))
		}
		for name, instead := range map[string]*ablate.Ablation{
			"RESAMPLE": {Value: ablate.Resample, Reference: ablate.Reference{Prompts: other}}, "ZERO": {Value: ablate.Zero},
			"BATCH_ALL_TOK_MEAN":               {Value: ablate.Mean, Reference: ablate.Reference{Prompts: other}},
			"BATCH_TOKENWISE_MEAN":             {Value: ablate.PositionMean, Reference: ablate.Reference{Prompts: other}},
			"TOKENWISE_MEAN_CLEAN":             {Value: ablate.PositionMean, Reference: ablate.Reference{Prompts: k.Clean}},
			"TOKENWISE_MEAN_CORRUPT":           {Value: ablate.PositionMean, Reference: ablate.Reference{Prompts: k.Corrupted}},
			"TOKENWISE_MEAN_CLEAN_AND_CORRUPT": {Value: ablate.PositionMean, Reference: ablate.Reference{Prompts: both}},
		} {
			one := *a.s
			one.Task = task.Pairs{Clean: from, Corrupted: other, Metric: k.Metric}
			if name != "RESAMPLE" { // each prompt's own other
				one.Ablation = instead
			}
			reference, err := one.Reference()
			if err != nil {
				a.t.Fatal(err)
			}
			a.near(fmt.Sprintf("run.%s.%s", way, name), lastLogits(a.t, a.s.Model, model.Subgraphs{Base: from.Request(), Reference: reference, Cuts: cuts}))
		}
	}
}

type pair struct{ sender, receiver int }

// removals compares which edges auto-circuit's ACDC removes: all are tested, receivers
// layer by layer from the logits down.
func (a *autoCircuit) removals() {
	k, m := a.s.Task.Paired(), a.s.Model
	at := map[string]pair{}
	for u, v := range a.g.All().Edges() {
		at[autoName(a.g.Edge(u, v))] = pair{u, v}
	}
	reference := a.reference(nil)
	clean := lastLogits(a.t, m, model.Subgraphs{Base: k.Clean.Request(), Reference: reference, Cuts: []edge.Cut{a.g.All().Cut("")}})
	worse := map[string]func(set *graph.Set) float64{
		"kl_div": func(set *graph.Set) float64 {
			got, err := m.Subgraphs(model.Subgraphs{Base: k.Clean.Metric(klOf(a.t, a.s)), Reference: reference, Cuts: []edge.Cut{set.Cut("")}})
			if err != nil {
				a.t.Fatal(err)
			}
			return got.Metric(0).At(0)
		},
		"mse": func(set *graph.Set) (sum float64) {
			got := lastLogits(a.t, m, model.Subgraphs{Base: k.Clean.Request(), Reference: reference, Cuts: []edge.Cut{set.Cut("")}})
			for i, x := range got {
				sum += (x - clean[i]) * (x - clean[i]) / float64(len(got))
			}
			return sum
		},
	}
	for key := range a.all {
		var by string
		var threshold float64
		name, is := strings.CutPrefix(key, "acdc.")
		if !is {
			continue
		}
		by, name, _ = strings.Cut(name, ".")
		if _, err := fmt.Sscanf(name, "tau%g.removed", &threshold); err != nil {
			a.t.Fatal(err)
		}
		set, now := a.g.All(), 0.
		for _, name := range a.info.Order {
			p, found := at[name]
			if !found {
				a.t.Fatalf("no edge %q", name)
			}
			less := set.Clone()
			less.Remove(p.sender, p.receiver)
			if next := worse[by](less); next-now < threshold {
				set, now = less, next
			}
		}
		a.near(key, a.theirs(func(u, v int) float64 {
			if set.Has(u, v) {
				return 0
			}
			return 1
		}))
	}
}

// autoName is an edge as auto-circuit writes it, such as "A0.1->A2.3.Q".
func autoName(e graph.Edge) string {
	name := func(p graph.Part) string {
		switch p.Kind {
		case graph.EmbedPart:
			return "Resid Start"
		case graph.LogitsPart:
			return "Resid End"
		case graph.MLPPart:
			return fmt.Sprintf("MLP %d", p.Layer)
		}
		return "A" + p.String()
	}
	to := name(e.To.Part)
	if e.To.Part.IsHead() {
		to += "." + strings.ToUpper(string(e.To.Input))
	}
	return name(e.From) + "->" + to
}

// masks compares three steps of subnetwork probing: the divergence, its gradient by masks
// against a mean reference, and the penalty; run on clean prompts, where a mask is what is
// cut, and on corrupted ones, where it is what is kept.
func (a *autoCircuit) masks() {
	k := a.s.Task.Paired()
	for name, start := range map[string]float32{"sigmoid": 2, "none": .5} {
		for _, way := range []string{"tree", "edge"} {
			key := fmt.Sprintf("subnetwork_probing.%s.%s.3epochs", name, way)
			S, R := len(a.g.Senders), len(a.g.Receivers)
			free := formula.Free("mask", R, S)
			mask := free
			if name == "sigmoid" {
				mask = free.Sigmoid()
			}
			first, is := array.New(array.Dim("receiver", R), array.Dim("sender", S)), array.New(array.Dim("receiver", R), array.Dim("sender", S))
			base, closed, from := k.Clean, formula.Number(1).Sub(mask), start
			if way == "edge" {
				base, closed, from = k.Corrupted, mask, -start
			}
			for i := range first.Values() {
				first.Values()[i] = from
			}
			for u, v := range a.g.All().Edges() {
				is.Set(1, v, u)
			}
			got, err := a.s.Model.Fit(model.Fit{
				Base:  base.Metric(klOf(a.t, a.s)),
				Edges: &model.EdgeMask{Cut: mask, Reference: model.Reference{Source: k.Corrupted.Request(), Mean: true, WholeEmbedding: true}},
				Find:  []model.Find{{Name: "mask", Start: first}}, Optimizer: model.Optimizer{Rate: .1}, Steps: 3,
				Loss: []model.Loss{{}, {Penalty: closed.Mul(formula.Tensor("edges", is)), Weight: .5 / float64(a.g.Len())}},
			})
			if err != nil {
				a.t.Fatal(err)
			}
			found := got.Tensor("mask")
			a.near(key+".masks", a.theirs(func(u, v int) float64 { return found.At(v, u) }))
			// An edge's score is how far its mask lies from the one that is most open.
			most := math.Inf(-1)
			sign := 1.
			if way == "edge" {
				sign = -1
			}
			for u, v := range a.g.All().Edges() {
				most = max(most, sign*found.At(v, u))
			}
			most = math.Abs(most)
			a.near(key+".scores", a.theirs(func(u, v int) float64 { return most - sign*found.At(v, u) }))
		}
	}
}
