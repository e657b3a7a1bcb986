package discover_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/random"
)

// toy is the smaller of the shapes that EAP-IG and auto-circuit were timed on: 479 edges.
var toy = modeltest.Shape{Name: "4x4", Layers: 4, Heads: 4, DModel: 64, DMLP: 256, Vocab: 1000, Context: 128}

// searchOf is a search on random prompts that differ everywhere, judged by a
// difference of two logits.
func searchOf(m *model.Model, prompts, tokens int) *discover.Search {
	rng := rand.New(rand.NewPCG(1, 2))
	batch := func() model.Prompts {
		rows := make([][]int32, prompts)
		for i := range rows {
			for range tokens {
				rows[i] = append(rows[i], rng.Int32N(int32(m.Config().Vocab)))
			}
		}
		return m.Rows(rows)
	}
	return &discover.Search{Model: m, Task: task.Pairs{Clean: batch(), Corrupted: batch(), Metric: model.LogitDiff(model.IDs(100), model.IDs(200))}}
}

// timed is how long f takes at best of n, in seconds, after a call that compiles.
func timed(b *testing.B, n int, f func() error) float64 {
	b.Helper()
	least := 0.0
	for i := range n + 1 {
		began := time.Now()
		if err := f(); err != nil {
			b.Fatal(err)
		}
		if took := time.Since(began).Seconds(); i > 0 && (least == 0 || took < least) {
			least = took
		}
	}
	return least
}

// shapes are what is timed, by name.
var shapes = map[string]modeltest.Shape{toy.Name: toy, modeltest.GPT2Small.Name: modeltest.GPT2Small}

// A work is what peers' programs were timed on.
type work struct {
	name            string
	peers           string // what testdata/beside.py found, "" for nothing
	factor          float64
	shape           modeltest.Shape
	prompts, tokens int
	forwards, backs float64 // passes that bound it from below; a way back holds a pass
	do              finding
}

// A finding is a way to find circuits, and what it gives to compare.
type finding = func(s *discover.Search) (found []float32, err error)

func scores(o discover.Scoring) finding {
	return func(s *discover.Search) ([]float32, error) {
		r, err := s.Scores(o)
		if err != nil {
			return nil, err
		}
		return r.Values(), nil
	}
}

func acdc(threshold float64) finding {
	return func(s *discover.Search) ([]float32, error) {
		_, err := s.ACDC(discover.ACDC{Threshold: threshold})
		return nil, err
	}
}

func works() []work {
	gpt2, edges := modeltest.GPT2Small, 479.
	ig, once := discover.Scoring{Method: discover.InputsIG}, discover.Scoring{Method: discover.ActivationsIG, Steps: 1}
	flow := discover.Scoring{Method: discover.Proximity}
	return []work{
		{"exact", "exact", 1, toy, 32, 15, edges, 0, scores(discover.Scoring{Method: discover.Exact})},
		{"ACDC", "", 1, toy, 32, 15, edges, 0, acdc(1e-4)},
		// EAP-IG divides gradients by the number of prompts once more.
		{"EAP", "toy-EAP", 32, toy, 32, 15, 1, 1, scores(discover.Scoring{})},
		{"EAP-IG inputs", "toy-inputs", 32, toy, 32, 15, 2, 5, scores(ig)},
		// A way back for the embedding, and from each layer two that end there.
		{"EAP-IG activations", "toy-activations", 32, toy, 32, 15, 2, 6, scores(once)},
		{"routes", "toy-routes", -1, toy, 32, 15, 1, 0, scores(flow)},
		{"ten sizes", "toy-sizes", 1, toy, 32, 15, 12, 0, tenSizes},
		{"EAP", "", 32, gpt2, 32, 15, 1, 1, scores(discover.Scoring{})},
		{"EAP", "EAP", 8, gpt2, 8, 15, 1, 1, scores(discover.Scoring{})},
		{"EAP by position", "", 1, gpt2, 1, 15, 1, 1, func(s *discover.Search) ([]float32, error) {
			p := s.Task.Paired()
			_, err := s.Model.EdgeScores(model.EdgeScores{Base: p.Clean.Metric(p.Metric), Reference: model.Reference{Source: p.Corrupted.Request()}, ByPosition: true})
			return nil, err
		}},
		{"EAP-IG inputs", "inputs", 8, gpt2, 8, 15, 2, 5, scores(ig)},
		{"EAP-IG activations", "activations", 8, gpt2, 8, 15, 2, 14, scores(once)},
		{"ten sizes", "sizes", 1, gpt2, 8, 15, 12, 0, tenSizes},
		{"routes", "routes", -1, gpt2, 10, 64, 1, 0, scores(flow)},
	}
}

// ranked is a random order of edges.
func ranked(g *graph.Graph) *array.Array {
	rng := rand.New(rand.NewPCG(3, 4))
	order := g.Scores()
	for u, v := range g.All().Edges() {
		order.Set(rng.Float64(), u, v)
	}
	return order
}

// tenSizes is the metric of circuits of a tenth of the edges, two tenths and so on.
func tenSizes(s *discover.Search) ([]float32, error) {
	g := graph.Of(s.Model.Config())
	order := ranked(g)
	var cuts []edge.Cut
	for i := 1; i <= 10; i++ {
		set, err := g.Top(order, g.Len()*i/10, graph.Size)
		if err != nil {
			return nil, err
		}
		cuts = append(cuts, set.Cut(""))
	}
	p := s.Task.Paired()
	got, err := s.Model.Subgraphs(model.Subgraphs{Base: p.Clean.Metric(p.Metric), Reference: model.Reference{Source: p.Corrupted.Request()}, Cuts: cuts})
	if err != nil {
		return nil, err
	}
	return got.PerRow(0).Values(), nil
}

// beside is a folder in which peers' programs find weights and prompts, and leave
// what they find; see testdata/beside.py.
var beside = os.Getenv("GOLENS_BESIDE")

// opened is a model of a shape, that in the folder beside peers if there is one.
func opened(t testing.TB, shape modeltest.Shape) *model.Model {
	t.Helper()
	dir := filepath.Join(beside, shape.Name)
	if beside == "" {
		dir = modeltest.Random(t, shape, 1)
	}
	m, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestWriteForPeers(t *testing.T) {
	if beside == "" {
		t.Skip("writes what testdata/beside.py reads; set GOLENS_BESIDE to a folder")
	}
	write := func(name string, data any) {
		var b bytes.Buffer
		if err := errors.Join(binary.Write(&b, binary.LittleEndian, data), os.WriteFile(filepath.Join(beside, name), b.Bytes(), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	models := map[string]*model.Model{}
	for name, shape := range shapes {
		dir := filepath.Join(beside, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := random.GPT2(dir, shape, "F32", 1); err != nil {
			t.Fatal(err)
		}
		models[name] = opened(t, shape)
		write("rank-"+name+".f32", ranked(graph.Of(models[name].Config())).Values())
	}
	for _, w := range works() {
		p := searchOf(models[w.shape.Name], w.prompts, w.tokens).Task.Paired()
		var ids []int32
		for _, row := range append(p.Clean.IDs, p.Corrupted.IDs...) {
			ids = append(ids, row...)
		}
		write(fmt.Sprintf("%s-%dx%d.i32", w.shape.Name, w.prompts, w.tokens), ids)
	}
}

// agrees reports the largest difference from what a peer found, over its scale.
func (w work) agrees(b *testing.B, found []float32) {
	if beside == "" || w.peers == "" {
		return
	}
	data, err := os.ReadFile(filepath.Join(beside, w.peers+".f32"))
	if err != nil {
		b.Log(err)
		return
	}
	theirs := make([]float32, len(data)/4)
	if _, err := binary.Decode(data, binary.LittleEndian, theirs); err != nil || len(theirs) != len(found) {
		b.Fatalf("%s: %d values, found %d: %v", w.peers, len(theirs), len(found), err)
	}
	diff, scale, none := 0., 0., 0
	for i, v := range found {
		switch {
		case v != v: // no edge
		case theirs[i] != theirs[i]: // EAP-IG's routes where nothing that is written lies near: 0 of 0
			none++
		default:
			diff, scale = max(diff, math.Abs(float64(v)-w.factor*float64(theirs[i]))), max(scale, math.Abs(float64(v)))
		}
	}
	if none > 0 {
		b.Logf("%d of %d are NaN by the peer", none, len(found))
	}
	b.ReportMetric(diff/scale, "off-peer")
	if diff > 1e-3*scale {
		b.Errorf("%s: %.2g of its scale off what the peer found: its time does not count", w.name, diff/scale)
	}
}

// BenchmarkDiscover times what peers' programs were timed on, beside the passes that
// it is made of; BENCHMARKS.md has both.
func BenchmarkDiscover(b *testing.B) {
	models := map[string]*model.Model{}
	for _, w := range works() {
		b.Run(fmt.Sprintf("%s/%s/%dx%d", w.name, w.shape.Name, w.prompts, w.tokens), func(b *testing.B) {
			if models[w.shape.Name] == nil {
				models[w.shape.Name] = opened(b, w.shape)
			}
			s := searchOf(models[w.shape.Name], w.prompts, w.tokens)
			p := s.Task.Paired()
			ask := func(r model.Request) func() error {
				return func() error { _, err := s.Model.Run(r); return err }
			}
			pass, back := timed(b, 2, ask(p.Clean.Metric(p.Metric))), 0.
			if w.backs > 0 {
				back = timed(b, 2, ask(p.Clean.Metric(p.Metric).Grad(hook.Embed())))
			}
			var found []float32
			took := timed(b, 2, func() (err error) { found, err = w.do(s); return err })
			for b.Loop() { // what was measured above
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(took, "s")
			b.ReportMetric(pass, "s/pass")
			b.ReportMetric(back, "s/back")
			b.ReportMetric((w.forwards*pass+w.backs*back)/took, "share-of-passes")
			w.agrees(b, found)
		})
	}
}

// BenchmarkACDCOfGPT2 is what ACDC takes on all 32,491 edges of GPT-2 small's shape,
// from batches of removals of one receiver in some layers: the rest is extrapolated.
func BenchmarkACDCOfGPT2(b *testing.B) {
	m := opened(b, modeltest.GPT2Small)
	s := searchOf(m, 8, 15)
	p := s.Task.Paired()
	g, err := m.Edges()
	if err != nil {
		b.Fatal(err)
	}
	layers := m.Config().Layers
	total := 0.0
	for b.Loop() {
		// All edges above are gone, as when ACDC comes to a layer.
		each := func(layer int) float64 {
			cut := g.Cut("")
			for r := len(g.Receivers) - 1; r > layer*g.Reads(); r-- {
				for u := range g.Before(r) {
					if (r*7+u)%50 > 0 { // one in fifty stays
						g.Add(cut, r, u)
					}
				}
			}
			var cuts []edge.Cut
			for u := range 24 {
				next := edge.Cut{Whole: append([]uint64(nil), cut.Whole...)}
				for before := range min(u, g.Before(layer*g.Reads())) {
					g.Add(next, layer*g.Reads(), before)
				}
				cuts = append(cuts, next)
			}
			of := func(cuts []edge.Cut) float64 {
				return timed(b, 1, func() error {
					_, err := m.Subgraphs(model.Subgraphs{Base: p.Clean.Metric(p.Metric), Reference: model.Reference{Source: p.Corrupted.Request()}, Cuts: cuts})
					return err
				})
			}
			return of(cuts) / float64(len(cuts))
		}
		var at, took []float64
		for _, layer := range []int{1, 6, 11} {
			at, took = append(at, float64(layer)), append(took, each(layer))
		}
		b.Logf("seconds of an edge into layers %v: %.4f", at, took)
		total = 0
		for r := range g.Receivers {
			layer := min(r/g.Reads(), layers-1)
			i := 1
			if layer <= 6 {
				i = 0
			}
			t := took[i] + (took[i+1]-took[i])*(float64(layer)-at[i])/(at[i+1]-at[i])
			total += float64(g.Before(r)) * t
		}
	}
	b.ReportMetric(total/60, "min-extrapolated")
}
