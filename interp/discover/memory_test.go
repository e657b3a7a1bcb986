package discover_test

import (
	"context"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/modeltest"
)

// foretold asks what each ask would take before it is done, and keeps the most that was said.
type foretold struct {
	model.Runner
	said int64
}

func (f *foretold) Do(ctx context.Context, ask model.Ask) (any, error) {
	m := model.New(f.Runner)
	switch q := ask.(type) {
	case model.Subgraphs:
		p, err := m.ExplainSubgraphs(q)
		if err != nil {
			return nil, err
		}
		f.said = max(f.said, p.Memory)
	case model.EdgeScores:
		c, err := m.ExplainEdgeScores(q)
		if err != nil {
			return nil, err
		}
		f.said = max(f.said, c.Memory)
	}
	return f.Runner.Do(ctx, ask)
}

// A measured is a way to find circuits whose memory is measured.
type measured struct {
	name    string
	shape   modeltest.Shape
	prompts int
	do      finding
}

// ofSearches are those of edge attribution, of EAP on so many prompts, and of ten sizes.
func ofSearches(shape modeltest.Shape, eap, others int) []measured {
	return []measured{
		{"EAP", shape, eap, scores(discover.Scoring{})},
		{"EAP-IG inputs", shape, others, scores(discover.Scoring{Method: discover.InputsIG})},
		{"EAP-IG activations", shape, others, scores(discover.Scoring{Method: discover.ActivationsIG, Steps: 1})},
		{"ten sizes", shape, others, tenSizes},
	}
}

// grows is by how much the process grows while w is done, and what was said beforehand,
// both in bytes.
func (w measured) grows(t testing.TB, m *model.Model) (grew int, said int64) {
	f := &foretold{Runner: m.Runner()}
	s := searchOf(model.New(f), w.prompts, 15)
	defer debug.SetGCPercent(debug.SetGCPercent(5)) // hardly any of it garbage of ours
	for range 2 {                                   // the first compiles
		// Subgraphs of other rows let go of the runs that the last ones left for the next.
		p := s.Task.Paired()
		other := model.Subgraphs{Base: m.Rows(p.Clean.IDs[:1]).Metric(p.Metric), Cuts: []edge.Cut{graph.Of(m.Config()).None().Cut("")},
			Reference: model.Reference{Source: m.Rows(p.Corrupted.IDs[:1]).Request()}}
		if _, err := m.Subgraphs(other); err != nil {
			t.Fatal(err)
		}
		runtime.GC() // a pool is emptied by the second collection
		debug.FreeOSMemory()
		before := modeltest.ResetPeak()
		if _, err := w.do(s); err != nil {
			t.Fatal(err)
		}
		grew = modeltest.Memory("VmHWM") - before
	}
	return grew, f.said
}

// What finding edges takes is what is said of it beforehand: within a factor of two, since
// peaks of what runs side by side fall together or not and a large heap has garbage.
func TestMemoryOfFindingEdges(t *testing.T) {
	if testing.Short() {
		t.Skip("-short is for the race detector, whose shadow is memory too")
	}
	if modeltest.ResetPeak() == 0 {
		t.Skip("the system does not say how much memory a process took")
	}
	if !modeltest.Alone(t, "MALLOC_MMAP_THRESHOLD_=65536", "GOMAXPROCS=1") {
		return
	}
	shape := modeltest.Shape{Name: "two layers", Layers: 2, Heads: 4, DModel: 256, DMLP: 1024, Vocab: 500, Context: 32}
	m := opened(t, shape)
	defer m.Close()
	if m.Info().Backend == "go" {
		t.Skip("the host is built with GOEXPERIMENT=simd, whose products hold less than the portable ones")
	}
	for _, w := range append(ofSearches(shape, 32, 16), measured{"ACDC", shape, 8, acdc(1e-3)}) {
		t.Run(w.name, func(t *testing.T) {
			r := 0.
			for range 4 { // the system may take pages away meanwhile
				grew, said := w.grows(t, m)
				r = float64(grew) / float64(said)
				t.Logf("grew by %.1f MB, said were %.1f: %.2f", float64(grew)/1e6, float64(said)/1e6, r)
				const beside = 4e6 // plans, garbage, the allocators' small blocks
				if r >= 0.5 && float64(grew)-beside <= 2*float64(said) {
					return
				}
			}
			t.Errorf("it takes %.2f times what was said", r)
		})
	}
}

// BenchmarkMemory is what finding edges of GPT-2 small's shape takes beside what is said.
// MALLOC_MMAP_THRESHOLD_=65536 makes the C library give back what is free.
func BenchmarkMemory(b *testing.B) {
	models := map[string]*model.Model{}
	for _, w := range append(ofSearches(modeltest.GPT2Small, 8, 8),
		measured{"ACDC", toy, 32, acdc(1e-4)},
		measured{"exact", toy, 32, scores(discover.Scoring{Method: discover.Exact})}) {
		b.Run(w.name, func(b *testing.B) {
			if models[w.shape.Name] == nil {
				models[w.shape.Name] = opened(b, w.shape)
			}
			for b.Loop() {
				grew, said := w.grows(b, models[w.shape.Name])
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(grew)/1e6, "MB")
				b.ReportMetric(float64(said)/1e6, "MB-said")
			}
		})
	}
}
