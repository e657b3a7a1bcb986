package model_test

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// recordedEdges is what EAP-IG computes on the four pairs of sweeps.safetensors,
// by make_edges.py: [sender, receiver], keys and values once for every query head.
type recordedEdges struct {
	m                *model.Model
	g                *edge.Graph
	o                map[string]*array.Array
	clean, corrupted [][]int32
	metric           model.Metric
}

func recordEdges(t *testing.T, name string) *recordedEdges {
	t.Helper()
	m, err := model.Open(modeltest.Families(t)[name])
	if err != nil {
		t.Fatal(err)
	}
	g, err := m.Edges()
	if err != nil {
		t.Fatal(err)
	}
	pairs := modeltest.Oracle(t, "sweeps.safetensors")
	ids := func(name string) (all []int32) {
		for _, v := range pairs[name].Values() {
			all = append(all, int32(v))
		}
		return all
	}
	return &recordedEdges{m: m, g: g, o: modeltest.OracleIn(t, filepath.Join(filepath.Dir(modeltest.Dir()), "edges"), name+".safetensors"),
		clean: modeltest.Rows(pairs["clean"]), corrupted: modeltest.Rows(pairs["corrupted"]),
		metric: model.LogitDiff(model.IDs(ids("answers")...), model.IDs(ids("wrongs")...))}
}

// receiver is which of ours a recorded one is; among query heads that share keys
// and values several are one.
func (r *recordedEdges) receiver(theirs int) int {
	c := r.m.Config()
	n := 3*c.Heads + 1
	layer, i := theirs/n, theirs%n
	if theirs == n*c.Layers {
		return len(r.g.Receivers) - 1
	}
	first := layer * r.g.Reads()
	switch {
	case i < c.Heads:
		return first + i
	case i < 2*c.Heads:
		return first + c.Heads + c.KVHead(i-c.Heads)
	case i < 3*c.Heads:
		return first + c.Heads + c.KVHeads + c.KVHead(i-2*c.Heads)
	}
	return first + r.g.Reads() - 1
}

// ours are recorded scores [sender, receiver] as [receiver, sender], summed over
// query heads that share keys and values.
func (r *recordedEdges) ours(theirs *array.Array) *array.Array {
	S, R := theirs.Shape()[0], theirs.Shape()[1]
	out := array.New(array.Dim("receiver", len(r.g.Receivers)), array.Dim("sender", S))
	for v := range R {
		for u := range S {
			out.Set(out.At(r.receiver(v), u)+theirs.At(u, v), r.receiver(v), u)
		}
	}
	return out
}

func (r *recordedEdges) base() model.Request {
	return model.Request{Rows: r.clean, Metrics: []model.Metric{r.metric}}
}

func (r *recordedEdges) reference(name string) model.Reference {
	source := model.Request{Rows: r.corrupted}
	switch name {
	case "zero":
		return model.Reference{}
	case "mean-positional":
		return model.Reference{Source: source, Mean: true}
	}
	return model.Reference{Source: source}
}

// toward are runs of the base in which points lie between the clean and the
// corrupted run, all together.
func (r *recordedEdges) toward(t *testing.T, shares []float32, points ...hook.Point) (runs [][]hook.Edit) {
	t.Helper()
	capture := func(rows [][]int32) *model.Result {
		run, err := r.m.Run(model.Request{Rows: rows, Captures: points})
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	clean, corrupted := capture(r.clean), capture(r.corrupted)
	for _, share := range shares {
		var edits []hook.Edit
		for _, p := range points {
			a, b := clean.At(p), corrupted.At(p)
			x := slices.Clone(a.Values())
			for i, v := range b.Values() {
				x[i] += share * (v - x[i])
			}
			edits = append(edits, p.Replace(array.Of(x, a.Axes()...)))
		}
		runs = append(runs, edits)
	}
	return runs
}

// All edge scores are EAP-IG's, which divides by the batch once more than the
// mean of the metric does.
func TestEdgeScoresAreRecorded(t *testing.T) {
	for _, name := range []string{"gpt2", "llama_gqa", "gemma2"} {
		r := recordEdges(t, name)
		const batch, steps = 4, 5
		var inputs, activations []float32
		for k := range steps {
			inputs = append(inputs, 1-float32(k)/steps)
			activations = append(activations, 1-float32(k+1)/steps)
		}
		runs := map[string]func() [][]hook.Edit{
			"eap":             func() [][]hook.Edit { return nil },
			"eap_ig_inputs_5": func() [][]hook.Edit { return r.toward(t, inputs, hook.Embed()) },
			"clean_corrupted": func() [][]hook.Edit { return append(r.toward(t, []float32{1}, hook.Embed()), []hook.Edit{}) },
			"eap_ig_activations_5": func() (all [][]hook.Edit) {
				all = r.toward(t, activations, hook.Embed())
				for l := range r.m.Config().Layers {
					all = append(all, r.toward(t, activations, hook.Z(l))...)
					all = append(all, r.toward(t, activations, hook.MLPOut(l))...)
				}
				return all
			},
		}
		for key, recorded := range r.o {
			method, ok := strings.CutPrefix(key, "scores.")
			method, reference, _ := strings.Cut(method, ".")
			make := runs[method]
			if !ok || make == nil || reference != "" && method != "eap" {
				continue
			}
			got, err := r.m.EdgeScores(model.EdgeScores{Base: r.base(), Reference: r.reference(reference), Runs: make()})
			if err != nil {
				t.Fatal(err)
			}
			want := r.ours(recorded)
			if name == "gemma2" { // they leave out the norm behind a head, see Subgraphs
				want = r.onlyMLPs(want)
				got.PerRow = r.onlyMLPs(got.PerRow)
			}
			scale, _ := want.Max()
			if d := modeltest.MaxDiff(times(got.Scores(), 1./batch), want); d > 1e-4*scale {
				t.Errorf("%s %s: %.2g off EAP-IG's, whose largest is %.2g", name, key, d, scale)
			}
		}
	}
}

// onlyMLPs are the scores of the embedding and the MLPs as senders.
func (r *recordedEdges) onlyMLPs(a *array.Array) *array.Array {
	var keep []int
	for i, p := range r.g.Senders {
		if p.Kind != hook.KindResult {
			keep = append(keep, i)
		}
	}
	return a.Select("sender", keep...)
}

func times(a *array.Array, f float32) *array.Array {
	x := slices.Clone(a.Values())
	for i := range x {
		x[i] *= f
	}
	return array.Of(x, a.Axes()...)
}

// The metrics of subgraphs are EAP-IG's, and so is what cutting each edge alone
// changes.
func TestSubgraphsAreRecorded(t *testing.T) {
	for _, name := range []string{"gpt2", "llama"} {
		r := recordEdges(t, name)
		if name == "llama" && (strings.HasPrefix(r.m.Info().Backend, "xla") || testing.Short()) {
			continue // whose graphs compile for a minute, and differ by the rotation alone
		}
		for i, reference := range []string{"", "zero", "-", "mean-positional"} {
			if reference == "-" {
				continue // their mean is over the nodes too
			}
			for _, method := range []string{"eap", "exact", "clean_corrupted"} {
				kept, want := r.o["kept."+method], r.o["evaluated."+method].Pick("1", i).Pick("3", 0) // [selection, count, item]
				shape := kept.Shape()
				s := model.Subgraphs{Base: r.base(), Reference: r.reference(reference)}
				for j := range shape[0] * shape[1] {
					c := r.g.All()
					for u := range shape[2] {
						for v := range shape[3] {
							if kept.At(j/shape[1], j%shape[1], u, v) == 1 {
								r.g.Restore(c, r.receiver(v), u)
							}
						}
					}
					s.Cuts = append(s.Cuts, c)
				}
				got, err := r.m.Subgraphs(s)
				if err != nil {
					t.Fatal(err)
				}
				if d := modeltest.MaxDiff(got.PerRow(0), want); d > 2e-4 { // of logit differences up to 3
					t.Errorf("%s, %s, %s: %.2g off EAP-IG's", name, method, reference, d)
				}
			}
			exact := strings.TrimSuffix("scores.exact."+reference, ".")
			s := model.Subgraphs{Base: r.base(), Reference: r.reference(reference)}
			for v := range r.g.Receivers {
				for u := range r.g.Before(v) {
					c := r.g.Cut("")
					r.g.Add(c, v, u)
					s.Cuts = append(s.Cuts, c)
				}
			}
			got, err := r.m.Subgraphs(s)
			if err != nil {
				t.Fatal(err)
			}
			full, metric, want, k := got.Base[0].Mean(hook.Batch).Scalar(), got.Metric(0), r.ours(r.o[exact]), 0
			for v := range r.g.Receivers {
				for u := range r.g.Before(v) {
					if d := math.Abs(metric.At(k) - full - want.At(v, u)); d > 1e-4 {
						t.Errorf("%s, %s: cutting %s to %s changes %.5f, recorded %.5f", name, exact, r.g.SenderNames()[u], r.g.ReceiverNames()[v], metric.At(k)-full, want.At(v, u))
					}
					k++
				}
			}
		}
	}
}

func TestEdgeAsksThatAreWrong(t *testing.T) {
	r := recordEdges(t, "gpt2")
	short := model.Request{Rows: [][]int32{{1, 2}}}
	for want, s := range map[string]model.EdgeScores{
		"no gradient":      {Base: model.Request{Rows: r.clean, Metrics: []model.Metric{model.Top1(model.IDs(1))}}},
		"give the base":    {Base: model.Request{Rows: r.clean}},
		"paired row by":    {Base: r.base(), Reference: model.Reference{Source: short}},
		"source has none":  {Base: r.base(), Reference: model.Reference{Mean: true}},
		"run 0":            {Base: r.base(), Runs: [][]hook.Edit{{hook.Z(7).Zero()}}},
		"the budget is":    {Base: r.base(), Budget: 1000},
		"metrics alone":    {Base: r.base().Edit(hook.Z(0).Zero())},
		"given here as va": {Base: r.base(), Runs: [][]hook.Edit{{hook.Z(0).FromSource()}}},
		"of another block": {Base: r.base(), Runs: [][]hook.Edit{{hook.MLPPost(1).Compute(formula.Here().Mul(formula.At(hook.MLPPre(0).String())))}}},
		"no tensors":       {Base: r.base(), Runs: [][]hook.Edit{{hook.MLPPost(1).Compute(formula.Here().Mul(formula.Tensor("x", hook.Vec(2))))}}},
		"runs or shares":   {Base: r.base(), Runs: [][]hook.Edit{{}}, Shares: []edge.Cut{r.g.All()}},
		"share 0":          {Base: r.base(), Shares: []edge.Cut{{}}},
	} {
		if _, err := r.m.EdgeScores(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; it should say %q", err, want)
		}
	}
	if _, err := r.m.Subgraphs(model.Subgraphs{Base: r.base()}); err == nil || !strings.Contains(err.Error(), "no cuts") {
		t.Errorf("no cuts: %v", err)
	}
}

// Scores by runs that share calls are the mean of those by each alone, in every family, and
// what the last block leaves out is nothing: it runs whole where it is edited.
func TestRunsOfEdgeScoresShareCalls(t *testing.T) {
	for name, dir := range modeltest.Families(t) {
		m, err := model.Open(dir)
		if err != nil {
			t.Fatal(name, err)
		}
		if strings.HasPrefix(m.Info().Backend, "xla") {
			t.Skip("the graphs of all families take minutes to compile")
		}
		defer m.Close()
		if _, err := m.Edges(); err != nil {
			continue
		}
		ask := model.EdgeScores{
			Base:      model.Request{Rows: [][]int32{{1, 2, 3, 4, 5}, {6, 7, 8}, {9, 10, 11, 12}}, Metrics: []model.Metric{model.LogitDiff(model.IDs(3), model.IDs(7))}},
			Reference: model.Reference{Source: model.Request{Rows: [][]int32{{11, 12, 13, 14, 15}, {16, 17, 18}, {19, 20, 21, 22}}}},
		}
		runs := [][]hook.Edit{{hook.Embed().Scale(0.5)}, {hook.Embed().Scale(0.8)}, nil, {hook.Z(0).Scale(0.5)}, {hook.AttnOut(1).Scale(0.5)}}
		score := func(runs ...[]hook.Edit) *array.Array {
			t.Helper()
			ask.Runs = runs
			got, err := m.EdgeScores(ask)
			if err != nil {
				t.Fatal(name, err)
			}
			return got.PerRow
		}
		together := score(runs...)
		sum := make([]float32, len(together.Values()))
		for _, edits := range runs {
			if edits != nil {
				edits = append(slices.Clip(edits), hook.AttnOut(m.Config().Layers-1).Scale(1))
			}
			for i, v := range score(edits).Values() {
				sum[i] += v / float32(len(runs))
			}
		}
		top, _ := together.Max()
		if d := modeltest.MaxDiff(together, array.Of(sum, together.Axes()...)); !(d < 1e-4*top) || top == 0 {
			t.Errorf("%s: %.2g off the mean of runs alone, of scores up to %.2g", name, d, top)
		}
	}
}
