package discover_test

import (
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// edgeRecording is what is told of one of EAP-IG's recordings beside its arrays.
type edgeRecording struct {
	Senders, Receivers, Selections, Ablations []string
	Counts                                    []int
	Edges                                     int
	Methods                                   map[string]struct {
		Tied map[string][]int `json:"tied_at_the_cut"`
	}
}

func (r edgeRecording) methods() []string { return slices.Sorted(maps.Keys(r.Methods)) }

// instead is what takes the place of what is cut, as EAP-IG names it.
func instead(name string) *ablate.Ablation {
	switch name {
	case "zero":
		return &ablate.Ablation{Value: ablate.Zero}
	case "mean-positional":
		return &ablate.Ablation{Value: ablate.PositionMean}
	}
	return nil
}

// Every array that EAP-IG's program gave on four models: scores, what is selected by
// them, and the logit difference and the divergence of each of these subgraphs.
func TestEveryArrayOfEdges(t *testing.T) {
	for _, name := range []string{"gpt2", "llama", "llama_gqa", "gemma2"} {
		t.Run(name, func(t *testing.T) {
			s, _ := recordedModel(t, "gpt2")
			m, err := model.Open(ungrouped(t, name))
			if err != nil {
				t.Fatal(err)
			}
			if name != "gpt2" && strings.HasPrefix(m.Info().Backend, "xla") && os.Getenv("GOLENS_SLOW") == "" {
				t.Skip("its graphs compile for minutes: set GOLENS_SLOW=1")
			}
			s.Model = m
			l := openLedger(t, testdata("edges"), name+".safetensors")
			var info edgeRecording
			readJSON(t, testdata("edges")+"/"+name+".json", &info)
			g := graph.Of(m.Config())
			edges := make([]float64, len(info.Senders)*len(info.Receivers))
			for u, v := range g.All().Edges() {
				edges[u*len(info.Receivers)+v] = 1
			}
			l.near("real_edge_mask", edges)
			k := s.Task.Paired()
			for key, p := range map[string]model.Prompts{"metric.clean": k.Clean, "metric.corrupted": k.Corrupted} {
				run, err := m.Run(p.Metric(k.Metric))
				if err != nil {
					t.Fatal(err)
				}
				l.near(key, wide(run.PerRow(0).Values()))
			}
			scoresAreRecorded(t, s, l, name == "gemma2")
			for _, method := range info.methods() {
				sets := selectionsAreRecorded(t, g, l, info, method)
				evaluationsAreRecorded(t, s, l, info, method, sets, name == "gemma2")
			}
			l.done()
		})
	}
}

// Every array that EAP-IG's program gave beside the sweeps: more steps, and the best edges
// with the metric that they have alone.
func TestEveryArrayOfEAP(t *testing.T) {
	s, _ := recordedModel(t, "gpt2")
	l := openLedger(t, modeltest.Dir(), "eap.safetensors")
	var info struct {
		Top20, Top50 struct {
			Edges  []string
			Metric float64
		}
	}
	readJSON(t, modeltest.Dir()+"/eap.json", &info)
	g := graph.Of(s.Model.Config())
	mask := l.of("real_edge_mask")
	for u := range g.Senders {
		for v := range g.Receivers {
			if g.Has(u, v) != (mask.At(u, v) == 1) {
				t.Errorf("%s: there is an edge: %t", g.Edge(u, v), g.Has(u, v))
			}
		}
	}
	scores := map[string]*discover.Scores{}
	for key, o := range map[string]discover.Scoring{
		"eap": {}, "eap_ig_5": {Method: discover.InputsIG}, "eap_ig_30": {Method: discover.InputsIG, Steps: 30}, "exact_single_edge": {Method: discover.Exact},
	} {
		got, err := s.Scores(o)
		if err != nil {
			t.Fatal(err)
		}
		scores[key] = got
		x := wide(got.Values())
		for i, w := range l.all[key].Values() {
			switch {
			case x[i] != x[i]: // no edge
				x[i] = float64(w)
			case o.Method != discover.Exact: // divided by the batch once more
				x[i] /= 4
			}
			if w != w {
				l.all[key].Values()[i], x[i] = 0, 0
			}
		}
		l.near(key, x)
	}
	l.done()
	for n, want := range map[int]struct {
		Edges  []string
		Metric float64
	}{20: info.Top20, 50: info.Top50} {
		set, err := scores["eap"].Best(n, graph.Size)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for u, v := range set.Edges() {
			names = append(names, eapigName(g.Edge(u, v)))
		}
		slices.Sort(names)
		_, metric, err := s.MeanWithout(set.Rest())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(names, want.Edges) || math.Abs(metric[0]-want.Metric) > 1e-4 {
			t.Errorf("the best %d: %q with a metric of %.5f, recorded %q, %.5f", n, names, metric[0], want.Edges, want.Metric)
		}
	}
}

// eapigName is an edge as EAP-IG's program writes it, such as "a0.h1->a2.h3<q>".
func eapigName(e graph.Edge) string {
	name := func(p graph.Part) string {
		switch p.Kind {
		case graph.EmbedPart:
			return "input"
		case graph.LogitsPart:
			return "logits"
		}
		return writerName(p)
	}
	to := name(e.To.Part)
	if e.To.Part.IsHead() {
		to += "<" + string(e.To.Input) + ">"
	}
	return name(e.From) + "->" + to
}

// scoresAreRecorded compares scores. They are divided by the batch of 4 once more than
// the mean is, but for exact ones.
func scoresAreRecorded(t *testing.T, s *discover.Search, l *ledger, normed bool) {
	t.Helper()
	for key := range l.all {
		method, is := strings.CutPrefix(key, "scores.")
		if !is {
			continue
		}
		method, against, _ := strings.Cut(method, ".")
		scoring, known := recordedMethods[method]
		if !known {
			t.Fatalf("no method %s", method)
		}
		s.Ablation = instead(against)
		// Their steps for nodes go to zero where the reference is a mean.
		toZero := scoring.Method == discover.ActivationsIG && against == "mean-positional"
		scores := func(scoring discover.Scoring, keep func(run []hook.Edit) bool) (*discover.Scores, error) {
			if scoring.Method != discover.ActivationsIG {
				return s.Scores(scoring)
			}
			return s.ScoresOver(scoring, toZero, keep)
		}
		got, err := scores(scoring, func([]hook.Edit) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		if scoring.Method == discover.ActivationsIG && s.Model.Config().Position != config.PosLearned {
			// Where the stream begins with the embedding alone their program finds no gradient
			// at the first heads in the runs that replace it, since PyTorch has a constant there.
			less, err := scores(scoring, func(run []hook.Edit) bool { return run[0].Point.Kind != hook.KindEmbed })
			if err != nil {
				t.Fatal(err)
			}
			senders := 1 + 2*s.Model.Config().Layers // that are replaced: the heads of a layer as one
			for v, r := range got.Graph.Receivers {
				if r.Part.IsHead() && r.Part.Layer == 0 {
					got.Set(less.At(0, v)*float64(senders-1)/float64(senders), 0, v)
				}
			}
		}
		factor := 4.
		switch scoring.Method {
		case discover.Exact:
			factor = 1
		case discover.Proximity:
			factor = -1
		}
		ours := make([]float64, len(got.Values()))
		want := l.all[key]
		var heads []float64 // what heads write stands behind a norm, which they take otherwise
		switch {
		case normed && scoring.Method == discover.Exact:
			heads = headsTogether(t, s)
		case normed:
			heads = headsWithoutNorm(t, s, scoring)
		}
		R := len(got.Graph.Receivers)
		for i, x := range wide(got.Values()) {
			switch {
			case x != x: // no edge
				ours[i] = float64(want.Values()[i])
			case heads != nil && got.Graph.Senders[i/R].IsHead():
				ours[i] = heads[i] / factor
			default:
				ours[i] = x / factor
			}
		}
		l.near(key, ours)
	}
	s.Ablation = nil
}

// headsWithoutNorm are EAP's scores of heads in front of a norm as EAP-IG's program has
// them: what the head itself writes, times the gradient at the receiver.
func headsWithoutNorm(t *testing.T, s *discover.Search, o discover.Scoring) []float64 {
	t.Helper()
	m, k, g := s.Model, s.Task.Paired(), graph.Of(s.Model.Config())
	c := m.Config()
	var written, read []hook.Point
	for l := range c.Layers {
		written = append(written, hook.HeadResult(l))
		read = append(read, hook.QInput(l), hook.KInput(l), hook.VInput(l), hook.MLPIn(l))
	}
	read = append(read, hook.ResidPost(c.Layers-1))
	grads, err := s.Gradients(o, read)
	if err != nil {
		t.Fatal(err)
	}
	clean, err := m.Run(k.Clean.Capture(written...))
	if err != nil {
		t.Fatal(err)
	}
	corrupted, err := m.Run(k.Corrupted.Capture(written...))
	if err != nil {
		t.Fatal(err)
	}
	tokens := len(k.Clean.IDs) * len(k.Clean.IDs[0])
	out := make([]float64, len(g.Senders)*len(g.Receivers))
	for u, v := range g.All().Edges() {
		from, to := g.Senders[u], g.Receivers[v]
		if !from.IsHead() {
			continue
		}
		at, heads, head := hook.ResidPost(c.Layers-1), 1, 0
		switch to.Input {
		case graph.ToQuery:
			at, heads, head = hook.QInput(to.Part.Layer), c.Heads, to.Part.Index
		case graph.ToKey:
			at, heads, head = hook.KInput(to.Part.Layer), c.Heads, to.Part.Index
		case graph.ToValue:
			at, heads, head = hook.VInput(to.Part.Layer), c.Heads, to.Part.Index
		case graph.ToMLP:
			at = hook.MLPIn(to.Part.Layer)
		}
		a, b := clean.At(hook.HeadResult(from.Layer)).Values(), corrupted.At(hook.HeadResult(from.Layer)).Values()
		for n := range tokens {
			for i := range c.DModel {
				x := (n*c.Heads+from.Index)*c.DModel + i
				out[u*len(g.Receivers)+v] += float64(b[x]-a[x]) * float64(grads[at.ID][(n*heads+head)*c.DModel+i]) / float64(len(k.Clean.IDs))
			}
		}
	}
	return out
}

// headsTogether are what cutting each edge from a head alone changes, by EAP-IG's
// convention: see [modeltest.NaiveTogether].
func headsTogether(t *testing.T, s *discover.Search) []float64 {
	t.Helper()
	g := graph.Of(s.Model.Config())
	cuts := []edge.Cut{g.All().Cut("")}
	var at []int
	for u, v := range g.All().Edges() {
		if g.Senders[u].IsHead() {
			less := g.All()
			less.Remove(u, v)
			cuts, at = append(cuts, less.Cut("")), append(at, u*len(g.Receivers)+v)
		}
	}
	k := s.Task.Paired()
	got, err := modeltest.NaiveTogether(s.Model, model.Subgraphs{Base: k.Clean.Metric(k.Metric), Reference: model.Reference{Source: k.Corrupted.Request()}, Cuts: cuts})
	if err != nil {
		t.Fatal(err)
	}
	mean := got[0].Mean(hook.Batch)
	out := make([]float64, len(g.Senders)*len(g.Receivers))
	for i, x := range at {
		out[x] = mean.At(i+1) - mean.At(0)
	}
	return out
}

// selectionsAreRecorded takes edges by recorded scores, and compares what is left of them
// when they are pruned. It gives the recorded sets [selection, count]. Their sort is not
// stable: of edges with equal scores those come first that they kept.
func selectionsAreRecorded(t *testing.T, g *graph.Graph, l *ledger, info edgeRecording, method string) (sets [][]*graph.Set) {
	t.Helper()
	kept, scores := l.of("kept."+method), l.all["scores."+method]
	for i, selection := range info.Selections {
		take, by, worth := g.Top, graph.Size, math.Abs
		if strings.HasPrefix(selection, "greedy") {
			take = g.Greedy
		}
		if strings.HasSuffix(selection, "signed") {
			by, worth = graph.Signed, func(x float64) float64 { return x }
		}
		var levels []float64
		for u, v := range g.All().Edges() {
			levels = append(levels, worth(scores.At(u, v)))
		}
		slices.Sort(levels)
		sets = append(sets, nil)
		for j, n := range info.Counts {
			recorded, order := g.None(), g.Scores()
			for u, v := range g.All().Edges() {
				rank, _ := slices.BinarySearch(levels, worth(scores.At(u, v)))
				if rank *= 2; kept.At(i, j, u, v) == 1 {
					recorded.Add(u, v)
					rank++
				}
				order.Set(float64(rank), u, v)
			}
			sets[i] = append(sets[i], recorded)
			got, err := take(order, n, by)
			if err != nil {
				t.Fatal(err)
			}
			last := 0. // at the cut of a tie some that they took are gone, so that any may have been
			if slices.Contains(info.Methods[method].Tied[selection], n) {
				last = levels[len(levels)-n]
			}
			got = got.Prune()
			for u, v := range g.All().Edges() {
				if got.Has(u, v) != recorded.Has(u, v) && (last == 0 || worth(scores.At(u, v)) != last) {
					t.Errorf("%s, %s, %s of %d: %s is kept: %t", l.name, method, selection, n, g.Edge(u, v), got.Has(u, v))
				}
			}
		}
	}
	return sets
}

// evaluationsAreRecorded runs the recorded subgraphs.
func evaluationsAreRecorded(t *testing.T, s *discover.Search, l *ledger, info edgeRecording, method string, sets [][]*graph.Set, normed bool) {
	t.Helper()
	want := l.of("evaluated." + method) // [selection, ablation, count, logit difference or divergence, item]
	k := s.Task.Paired()
	var cuts []edge.Cut
	for _, row := range sets {
		for _, set := range row {
			cuts = append(cuts, set.Cut(""))
		}
	}
	for a, name := range info.Ablations {
		if name == "mean" {
			continue // theirs is of the last position alone, over its length, and over the nodes too
		}
		s.Ablation = instead(name)
		reference, err := s.Reference()
		if err != nil {
			t.Fatal(err)
		}
		ask := model.Subgraphs{Base: k.Clean.Metric(k.Metric, klOf(t, s)), Reference: reference, Cuts: cuts}
		var got []*array.Array
		if normed {
			got, err = modeltest.NaiveTogether(s.Model, ask)
		} else if r, failed := s.Model.Subgraphs(ask); failed == nil {
			got = r.Metrics
		} else {
			err = failed
		}
		if err != nil {
			t.Fatal(err)
		}
		for metric, x := range got {
			off, scale, at := 0., 0., ""
			for i, selection := range info.Selections {
				for j, n := range info.Counts {
					for item := range k.Clean.IDs {
						w := want.At(i, a, j, metric, item)
						scale = max(scale, math.Abs(w))
						if d := math.Abs(x.At(i*len(info.Counts)+j, item) - w); !(d <= off) {
							off, at = d, fmt.Sprintf("%s of %d, item %d", selection, n, item)
						}
					}
				}
			}
			if !(off <= 1e-4*scale) {
				t.Errorf("%s, %s, %s, metric %d: %.2g off at %s; the scale is %.3g", l.name, method, name, metric, off, at, scale)
			}
		}
	}
	s.Ablation = nil
}
