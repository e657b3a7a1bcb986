package model_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// Random masks in every family, against every reference, equal their naive twin;
// with nothing cut the model is itself, with everything cut it is the reference. On XLA,
// which compiles for long, three structures stand for all but with GOLENS_SLOW=1.
func TestSubgraphsAreTheirNaiveTwins(t *testing.T) {
	families := modeltest.Families(t)
	if os.Getenv("GOLENS_SLOW") == "" || testing.Short() {
		families = few(families, "gptj", "llama_gqa", "gemma2")
	}
	for name, dir := range families {
		t.Run(name, func(t *testing.T) {
			m, err := model.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			g, err := m.Edges()
			if err != nil {
				t.Skip(err) // the stream of this family is no sum
			}
			rng := rand.New(rand.NewPCG(1, uint64(len(name))))
			rows := func(lens ...int) (all [][]int32) {
				for _, n := range lens {
					row := make([]int32, n)
					for i := range row {
						row[i] = rng.Int32N(int32(m.Config().Vocab))
					}
					all = append(all, row)
				}
				return all
			}
			base := model.Request{Rows: rows(6, 4, 6), Metrics: []model.Metric{model.LogitDiff(model.IDs(3), model.IDs(7))}}
			references := []model.Reference{
				{Source: model.Request{Rows: rows(6, 4, 6)}},
				{Source: model.Request{Rows: rows(4, 6)}, Donors: []int{1, 0, 1}, WholeEmbedding: true},
				{},
				{Source: model.Request{Rows: rows(7, 3)}, Mean: true},
			}
			if name != "gpt2" && name != "llama_gqa" && name != "gemma2" || strings.HasPrefix(m.Info().Backend, "xla") { // one is enough for most
				i := rng.IntN(len(references))
				references = references[i : i+1]
			}
			for _, reference := range references {
				s := model.Subgraphs{Base: base, Reference: reference}
				s.Cuts = []edge.Cut{g.Cut("none"), g.All(), cutRandom(g, rng, 0.5), cutRandom(g, rng, 0.05), cutShares(g, rng, 0, 0), cutShares(g, rng, 0, 6), cutShares(g, rng, 3, 6), cutPlaces(g, rng, base.Rows)}
				got, err := m.Subgraphs(s)
				if err != nil {
					t.Fatal(err)
				}
				want, err := modeltest.NaiveSubgraphs(m, s)
				if err != nil {
					t.Fatal(err)
				}
				// float32 sums of up to 16 senders at each of 40 receivers; where nothing is left
				// of a stream, a norm makes what rounding left in the twin a hundred times larger
				bound := 1e-4
				if reference.Source.Rows == nil {
					bound = 2e-3
				}
				if d := modeltest.MaxDiff(got.PerRow(0), want); d > bound {
					t.Errorf("source %d rows, mean %t: %.2g off the naive twin\n%v\n%v", len(reference.Source.Rows), reference.Mean, d, got.PerRow(0), want)
				}
				// Alone, so that what nothing comes of is left out.
				other := rand.New(rand.NewPCG(2, uint64(len(name))))
				for i, c := range []edge.Cut{route(g, other, m.Config().Layers-1), cutRandom(g, other, 0.7)} {
					if i > 0 && strings.HasPrefix(m.Info().Backend, "xla") {
						break // which takes long to compile
					}
					if reference.Source.Rows == nil && name != "gpt2" {
						break // only positions leave anything of a stream whose edges are all cut
					}
					alone := s
					alone.Cuts = []edge.Cut{c}
					got, err := m.Subgraphs(alone)
					if err != nil {
						t.Fatal(err)
					}
					want, err := modeltest.NaiveSubgraphs(m, alone)
					if err != nil {
						t.Fatal(err)
					}
					if d := modeltest.MaxDiff(got.PerRow(0), want); d > bound {
						t.Errorf("source %d rows, mean %t, cut alone: %.2g off the naive twin\n%v\n%v", len(reference.Source.Rows), reference.Mean, d, got.PerRow(0), want)
					}
				}
				if d := modeltest.MaxDiff(got.PerRow(0).Pick("variant", 0), got.Base[0]); d != 0 {
					t.Errorf("nothing is cut: %.2g off the model", d)
				}
				if reference.Source.Rows != nil && !reference.Mean && reference.Donors == nil {
					r := reference.Source
					r.Metrics = base.Metrics
					ref, err := m.Run(r)
					if err != nil {
						t.Fatal(err)
					}
					if d := modeltest.MaxDiff(got.PerRow(0).Pick("variant", 1), ref.PerRow(0)); d > 5e-5 {
						t.Errorf("everything is cut: %.2g off the reference", d)
					}
				}
			}
		})
	}
}

// What a head does that nothing reads is not taken for what it does when it is read: the
// runs of heads that variants share are kept from one ask to the next.
func TestSubgraphsKeepNoHeadThatNothingReads(t *testing.T) {
	m, err := model.Open(modeltest.Families(t)["gpt2"])
	if err != nil {
		t.Fatal(err)
	}
	g, err := m.Edges()
	if err != nil {
		t.Fatal(err)
	}
	s := model.Subgraphs{Base: model.Request{Rows: [][]int32{{5, 3, 8, 1}}, Metrics: []model.Metric{model.LogitDiff(model.IDs(3), model.IDs(7))}},
		Reference: model.Reference{Source: model.Request{Rows: [][]int32{{2, 9, 4, 6}}}}}
	head, mlp := g.Sender(hook.HeadResult(0).Head(0)), g.Receiver(hook.MLPIn(0))
	// cut is a cut of all that the head reads, of an edge into the MLP, and of all that reads
	// the head, unless it is read.
	cut := func(beside int, read bool) edge.Cut {
		c := g.Cut("")
		for _, r := range []hook.Point{hook.QInput(0), hook.KInput(0), hook.VInput(0)} {
			g.Add(c, g.Receiver(r.Head(0)), 0)
		}
		g.Add(c, mlp, beside)
		for r := range g.Receivers {
			if !read && head < g.Before(r) {
				g.Add(c, r, head)
			}
		}
		return c
	}
	for _, read := range []bool{false, true} {
		s.Cuts = []edge.Cut{cut(head+1, read), cut(head+2, read)}
		got, err := m.Subgraphs(s)
		if err != nil {
			t.Fatal(err)
		}
		want, err := modeltest.NaiveSubgraphs(m, s)
		if err != nil {
			t.Fatal(err)
		}
		if d := modeltest.MaxDiff(got.PerRow(0), want); d > 1e-4 {
			t.Errorf("the head is read: %t: %.3g off", read, d)
		}
	}
}

// What one job's base and reference leave for the next changes no number: not for the
// same rows, nor after others.
func TestSubgraphsKeepTheirBase(t *testing.T) {
	dir := modeltest.Dir()
	rows := func(first int32) [][]int32 { return [][]int32{{first, 5, 9}, {first + 1, 7, 2, 8}} }
	metrics := []model.Metric{model.LogitDiff(model.IDs(3), model.IDs(7)), model.Logit(model.IDs(4))}
	asked := func(m *model.Model, first int32, mean bool, seed uint64) *model.SubgraphResult {
		g, err := m.Edges()
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Subgraphs(model.Subgraphs{Base: model.Request{Rows: rows(first), Metrics: metrics},
			Reference: model.Reference{Source: model.Request{Rows: rows(11)}, Mean: mean},
			Cuts:      []edge.Cut{cutRandom(g, rand.New(rand.NewPCG(1, seed)), 0.3), g.Cut("none")}})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	open := func() *model.Model {
		m, err := model.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	type ask struct {
		first int32
		mean  bool
		seed  uint64
	}
	one, wanted := open(), map[ask]*model.SubgraphResult{}
	for i, c := range []ask{{1, false, 1}, {1, false, 2}, {1, true, 2}, {2, true, 2}, {1, false, 1}} {
		if wanted[c] == nil {
			wanted[c] = asked(open(), c.first, c.mean, c.seed)
		}
		got, want := asked(one, c.first, c.mean, c.seed), wanted[c]
		for k := range metrics {
			if d := modeltest.MaxDiff(got.PerRow(k), want.PerRow(k)) + modeltest.MaxDiff(got.Base[k], want.Base[k]); d != 0 {
				t.Errorf("ask %d, metric %d: %g off a model that was asked nothing before", i, k, d)
			}
		}
	}
}

// cutRandom cuts each edge with a probability.
func cutRandom(g *edge.Graph, rng *rand.Rand, p float64) edge.Cut {
	c := g.Cut("")
	for r := range g.Receivers {
		for s := range g.Before(r) {
			if rng.Float64() < p {
				g.Add(c, r, s)
			}
		}
	}
	return c
}

// route leaves one way: from the embedding through one head of each layer, whose queries,
// keys and values read it, up to a layer, whose MLP the last stream reads if there is one.
func route(g *edge.Graph, rng *rand.Rand, last int) edge.Cut {
	c, from := g.All(), 0
	for l := range last + 1 {
		head := 1 + l*g.Writes() + rng.IntN(g.Writes()-1)
		for r := range g.Receivers {
			if first, n := g.Feeds(r); first <= head && head < first+n {
				g.Restore(c, r, from)
			}
		}
		from = head
	}
	mlp := (last+1)*g.Reads() - 1
	if p := g.Receivers[mlp]; p.Kind == hook.KindMLPIn && from < g.Before(mlp) {
		g.Restore(c, mlp, from)
		from, _ = g.Feeds(mlp)
	}
	g.Restore(c, len(g.Receivers)-1, from)
	return c
}

// What nothing comes of is not computed: one way through a model takes few operations.
func TestOneWayIsCheap(t *testing.T) {
	m, err := model.Open(modeltest.Random(t, modeltest.Shape{Layers: 4, Heads: 8, DModel: 64, DMLP: 256, Vocab: 50, Context: 16}, 1))
	if err != nil {
		t.Fatal(err)
	}
	g, err := m.Edges()
	if err != nil {
		t.Fatal(err)
	}
	s := model.Subgraphs{Base: model.Request{Rows: [][]int32{{1, 2, 3, 4, 5}}, Metrics: []model.Metric{model.LogProbOf(3)}},
		Reference: model.Reference{Source: model.Request{Rows: [][]int32{{5, 4, 3, 2, 1}}}},
		Cuts:      []edge.Cut{route(g, rand.New(rand.NewPCG(1, 2)), 3)}}
	p, err := m.ExplainSubgraphs(s)
	if err != nil {
		t.Fatal(err)
	}
	if p.FLOPs > p.Naive/2 {
		t.Errorf("%d operations; a full pass has %d", p.FLOPs, p.Naive)
	}
	live := g.Live(s.Cuts[0])
	n := 0
	for _, l := range live {
		if l {
			n++
		}
	}
	if n != 1+4+1 { // the embedding, four heads, an MLP
		t.Errorf("%d senders are live: %v", n, live)
	}
}

// cutPlaces cuts some edges altogether, and some senders at some positions.
func cutPlaces(g *edge.Graph, rng *rand.Rand, rows [][]int32) edge.Cut {
	c := cutRandom(g, rng, 0.3)
	for s := range g.Senders {
		p := edge.Places{Sender: s}
		for _, row := range rows {
			var at []int
			for pos := range row {
				if rng.IntN(3) == 0 {
					at = append(at, pos)
				}
			}
			p.At = append(p.At, at)
		}
		if s%2 == 0 {
			p.Receivers = []int{len(g.Receivers) - 1}
		}
		c.Places = append(c.Places, p)
	}
	return c
}

// cutShares cuts each edge by a random share, at each position and in each row if
// there are any.
func cutShares(g *edge.Graph, rng *rand.Rand, rows, pos int) edge.Cut {
	axes := []array.Axis{array.Dim("receiver", len(g.Receivers)), array.Dim("sender", len(g.Senders))}
	n := 1
	for _, ax := range []array.Axis{array.Dim("pos", pos), array.Dim("batch", rows)} {
		if ax.Len > 0 {
			axes, n = append([]array.Axis{ax}, axes...), n*ax.Len
		}
	}
	x := make([]float32, n*len(g.Receivers)*len(g.Senders))
	for i := range x {
		r, s := i/len(g.Senders)%len(g.Receivers), i%len(g.Senders)
		if s < g.Before(r) {
			x[i] = float32(math.Max(0, rng.Float64()*2-1))
		}
	}
	return edge.Cut{Share: array.Of(x, axes...)}
}

// Without the edges from the first layer's heads a model of two layers can't
// compose them.
func ExampleModel_Subgraphs() {
	m, err := model.Open("zoo:induction")
	if err != nil {
		fmt.Println(err)
		return
	}
	edges, err := m.Edges()
	if err != nil {
		fmt.Println(err)
		return
	}
	cut := edges.Cut("no composition of keys")
	for h := range m.Config().KVHeads {
		for i, sender := range edges.Senders {
			if sender.Kind == hook.KindResult && sender.Layer == 0 {
				edges.Add(cut, edges.Receiver(hook.KInput(1).Head(h)), i)
			}
		}
	}
	text := m.Tokens("the cat sat the cat").Metric(model.LogProb(" sat"))
	r, err := m.Subgraphs(model.Subgraphs{Base: text, Cuts: []edge.Cut{cut}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("log p(sat): %.2f, %.2f without the edges\n", r.Base[0].Mean("batch").Scalar(), r.Metric(0).At(0))
	// Output: log p(sat): -0.02, -2.88 without the edges
}
