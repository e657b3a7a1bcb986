//go:build !golens_cell

package model_test

import (
	"context"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/modeltest"
)

// spent is the processor time of this process.
func spent() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// streamed reads a row of n tokens in one stream and tells each after it has been read.
func streamed(t testing.TB, m *model.Model, n int, w model.Window, told func()) {
	t.Helper()
	row := make([]int32, n+1)
	for i := range row {
		row[i] = int32(3 + i*7%(m.Config().Vocab-3))
	}
	count := 0
	ctx := model.WithProgress(context.Background(), func(int, int) { count++; told() })
	got, err := m.CompleteContext(ctx, m.Rows([][]int32{row[:1]}).Complete(1).After(row[1:]).Stream(w))
	if err != nil {
		t.Fatal(err)
	}
	if read := len(got.LogProbs[0]); read != n || count < n {
		t.Fatalf("%d of %d tokens are read, %d told", read, n, count)
	}
}

// between is the time of the tokens between two.
func between(at []float64, from, to int) float64 { return at[to-1] - at[from] }

// However long the text, a token takes as long as the ones before it, and nothing is held
// but the window.
func TestStreamsStayFlat(t *testing.T) {
	m, err := model.Open(modeltest.Families(t)["llama"])
	if err != nil {
		t.Fatal(err)
	}
	w := model.Window{Start: 4, Recent: 28}
	slower := 0.0
	for range 3 { // other work on the machine, and the collector's on other tests', is not ours
		var at []float64
		streamed(t, m, 1200, w, func() { at = append(at, spent()) })
		if slower = between(at, 900, 1200) / between(at, 100, 400); slower <= 1.6 {
			break
		}
	}
	if slower > 1.6 {
		t.Errorf("the last tokens take %.2f times the processor time of the first", slower)
	}
	if m.Info().Backend[:2] != "go" {
		return
	}
	const n = 2400 // whose keys and values would be 1.8 MB
	var early, late int
	count := 0
	streamed(t, m, n, w, func() {
		switch count++; count {
		case 300:
			early = heldNow()
		case n:
			late = heldNow()
		}
	})
	if held := late - early; held > 1<<19 {
		t.Errorf("%d tokens hold %d bytes more than 300", n, held)
	}
}

// heldNow is what lives on the heap, garbage and emptied pools aside.
func heldNow() int {
	runtime.GC()
	runtime.GC()
	return heapAlive()
}

// BenchmarkStream reads 20,000 tokens with a window of 4 and 250: microseconds of each of
// the first and of the last thousand, and their ratio (behind the first 300, in which the window fills).
func BenchmarkStream(b *testing.B) {
	m, err := model.Open("zoo:bilingual-3l")
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	w := model.Window{Start: 4, Recent: 250}
	streamed(b, m, 300, w, func() {}) // compiles
	for b.Loop() {
		var at []float64
		began := time.Now()
		streamed(b, m, 20000, w, func() { at = append(at, time.Since(began).Seconds()) })
		first, last := between(at, 1000, 2000), between(at, 19000, 20000)
		b.ReportMetric(1e3*first, "µs/token_2nd_1000")
		b.ReportMetric(1e3*last, "µs/token_last_1000")
		b.ReportMetric(last/first, "last_of_2nd")
		b.ReportMetric(between(at, 300, 1000)/0.7*1e3, "µs/token_first_1000")
	}
}
