package heads_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/golens/golens/interp/heads"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/corpus"
	"github.com/golens/golens/model/corpus/gotext"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// sandwich hides Wu et al.'s needle in Go's documentation, once in a prompt of so many
// tokens.
func sandwich(t testing.TB, m *model.Model, length int, depths ...float64) heads.Haystack {
	t.Helper()
	root, err := gotext.Root()
	if err != nil {
		t.Skip(err)
	}
	docs, err := gotext.Read(os.DirFS(filepath.Join(root, "src", "net")))
	if err != nil {
		t.Fatal(err)
	}
	text, err := corpus.Tokenize(t.Context(), m, corpus.Texts(docs.Documents...), corpus.Settings{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := text.Rows(corpus.Rows{Length: 128, Packed: true, NoBegin: true})
	if err != nil {
		t.Fatal(err)
	}
	var hay []int32
	for row, err := range rows.All() {
		if err != nil || len(hay) >= length {
			break
		}
		hay = append(hay, row.Tokens...)
	}
	return heads.Haystack{
		Needles: []heads.Needle{{
			Text:     " The best thing to do in San Francisco is to eat a sandwich and sit in Dolores Park on a sunny day.",
			Question: " The best thing to do in San Francisco is", Answer: "eat a sandwich and sit in Dolores Park on a sunny day",
		}},
		Hay: hay, Lengths: []int{length}, Depths: depths, New: 16,
	}
}

// BenchmarkHaystack looks for a needle in SmolLM2-135M's context, whose file
// GOLENS_SMOLLM2 names: as it is, and with its retrieval heads attending alike or removed.
func BenchmarkHaystack(b *testing.B) {
	file := os.Getenv("GOLENS_SMOLLM2")
	if file == "" {
		b.Skip("GOLENS_SMOLLM2 names no file")
	}
	m, err := model.Open(file)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	for _, length := range []int{512, 2048, 4096, 8160} {
		b.Run(fmt.Sprint(length), func(b *testing.B) {
			s := sandwich(b, m, length, 0.5)
			cost, err := s.Explain(m)
			if err != nil {
				b.Fatal(err)
			}
			fmt.Println(cost)
			find := func() (r *heads.Retrieval, grown int) {
				runtime.GC()
				debug.FreeOSMemory()
				before := modeltest.ResetPeak()
				r, err := s.Retrieve(b.Context(), m)
				if err != nil {
					b.Fatal(err)
				}
				return r, modeltest.Memory("VmHWM") - before
			}
			_, first := find() // compiles, and brings the weights to float32
			for b.Loop() {
				began := time.Now()
				r, grown := find()
				took := time.Since(began).Seconds()
				b.ReportMetric(took, "s/run")
				b.ReportMetric(float64(cost.FLOPs)/1e9/took, "GFLOP/s")
				b.ReportMetric(float64(first)/1e6, "MB_first")
				b.ReportMetric(float64(grown)/1e6, "MB")
				b.ReportMetric(float64(cost.Memory)/1e6, "MB_said")
				top := heads.Above(r.Result, 0.1)
				if len(top) == 0 { // no run counts
					fmt.Printf("%d tokens: %.2f of the answer\n", length, r.Map.At(0, 0))
					continue
				}
				masked, err := s.Retrieve(b.Context(), m, heads.Uniform(m, top...)...)
				if err != nil {
					b.Fatal(err)
				}
				removed, err := s.Retrieve(b.Context(), m, heads.Removed(top...)...)
				if err != nil {
					b.Fatal(err)
				}
				fmt.Printf("%d tokens: %.2f of the answer; %d heads above 0.1: %v; with these attending alike %.2f, without them %.2f\n",
					length, r.Map.At(0, 0), len(top), top, masked.Map.At(0, 0), removed.Map.At(0, 0))
			}
		})
	}
}

// What a haystack costs grows with its length, and is said before anything runs.
func TestHaystackExplains(t *testing.T) {
	m := open(t)
	s := haystack(t, m)
	short, err := s.Explain(m)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Retrieve(t.Context(), m)
	if err != nil || short.Rows != r.Runs || short.FLOPs <= 0 || short.Memory <= short.Kept {
		t.Errorf("%v, %d runs (%v)", short, r.Runs, err)
	}
	g, err := m.Complete(m.Rows([][]int32{make([]int32, 8)}).Complete(4).Capture(hook.Pattern(1).At(-1)))
	if err != nil {
		t.Fatal(err)
	}
	cost, err := m.ExplainGeneration(m.Rows([][]int32{make([]int32, 8)}).Complete(4).Capture(hook.Pattern(1).At(-1)))
	if err != nil || cost.Kept != 4*int64(len(g.Captures[0].Array.Values())) {
		t.Errorf("%v; %d values came back (%v)", cost, len(g.Captures[0].Array.Values()), err)
	}
	s.Lengths = []int{32}
	s.Depths = []float64{0, 0.3, 0.5, 0.7, 0.9, 1}
	if long, err := s.Explain(m); err != nil || long.FLOPs <= short.FLOPs || long.Memory <= short.Memory {
		t.Errorf("%v, shorter %v (%v)", long, short, err)
	}
	if s.Lengths = nil; true {
		if _, err := s.Explain(m); err == nil {
			t.Error("no lengths have a cost")
		}
	}
}
