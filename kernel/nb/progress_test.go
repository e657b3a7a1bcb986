package nb

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golens/golens/model"
)

// drawn is a bar that has run for a while and writes down how it is drawn. Tests of when
// it is drawn stop the clock.
func drawn(total int, ran time.Duration) (*Bar, *[]string) {
	var seen []string
	b := &Bar{label: "rows", total: total, start: time.Now().Add(-ran)}
	b.out = func(b *Bar, final bool) { seen = append(seen, b.text(final)) }
	return b, &seen
}

func TestBarSaysRateAndTimeLeft(t *testing.T) {
	for _, test := range []struct {
		name        string
		done, total int
		took        time.Duration
		final       bool
		want        string
	}{
		{"under way", 25, 100, 10 * time.Second, false, "25/100, 2.50/s, 30 s left"},
		{"fast", 5000, 10000, 10 * time.Second, false, "5000/10000, 500/s, 10 s left"},
		{"long", 1, 1000, 10 * time.Second, false, "1/1000, 0.10/s, 2:46 h left"},
		{"nothing yet", 0, 10, time.Second, false, "0/10, 0.00/s"},
		{"over", 10, 10, 90 * time.Second, true, "10/10, 0.11/s, 1:30 min"},
		{"more than said", 12, 10, 4 * time.Second, false, "12/10, 3.00/s, 0 s left"},
		{"no total", 12, 0, 4 * time.Second, false, "12, 3.00/s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			now := time.Now()
			b := &Bar{total: test.total, done: test.done, start: now.Add(-test.took)}
			if got := b.words(test.final, now); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if f := b.fraction(); f < 0 || f > 1 {
				t.Errorf("fraction %v", f)
			}
		})
	}
}

func TestShortWorkDrawsNothing(t *testing.T) { synctest.Test(t, shortWorkDrawsNothing) }

func shortWorkDrawsNothing(t *testing.T) {
	b, seen := drawn(10, 0)
	for range 10 {
		b.Add(1)
	}
	b.End()
	if len(*seen) != 0 {
		t.Errorf("drawn %q", *seen)
	}
}

func TestLongWorkIsDrawnAtAPaceAndEnds(t *testing.T) { synctest.Test(t, longWorkIsDrawn) }

func longWorkIsDrawn(t *testing.T) {
	b, seen := drawn(1000, time.Second)
	for range 1000 {
		b.Add(1)
	}
	b.End()
	b.End()
	b.Set(3)
	if len(*seen) != 2 { // the first step and the end
		t.Fatalf("drawn %d times", len(*seen))
	}
	if first, last := (*seen)[0], (*seen)[1]; !strings.HasPrefix(first, "rows [........................] 1/1000") || !strings.HasPrefix(last, "rows [########################] 1000/1000") {
		t.Errorf("drawn %q, %q", first, last)
	}
}

func TestZeroBarDrawsNothing(t *testing.T) {
	var b Bar
	b.Add(1)
	b.SetTotal(3)
	b.End()
}

func TestRequestsShareOneBar(t *testing.T) { synctest.Test(t, requestsShareOneBar) }

func requestsShareOneBar(t *testing.T) {
	b, seen := drawn(4, time.Second)
	b.label = "model"
	r := &requests{bar: b}
	tell := func(done, total int) { r.show("model", steps, 0, done, total) }
	for _, done := range []int{2, 4} {
		tell(done, 4)
	}
	if !b.ended || len(*seen) != 2 {
		t.Fatalf("after the first request: ended %v, drawn %q", b.ended, *seen)
	}
	time.Sleep(2 * pause)
	tell(1, 8)
	if r.bar != b || b.ended || b.total != 8 || b.done != 1 {
		t.Errorf("the second request's bar: %+v", b)
	}
	tell(5, 8)
	time.Sleep(2 * pause)
	third := time.Now()
	tell(1, 8) // the one before was cancelled, this is a third
	if b.done != 1 || b.start.Before(third) {
		t.Errorf("the third request goes on where the second was: %d", b.done)
	}
	r.download(model.Download{Model: "gpt2", Done: 5_300_000, Total: 548_105_171})
	if b.label != "gpt2" || b.done != 5_300_000 || b.total != 548_105_171 {
		t.Errorf("a download's bar: %+v", b)
	}
}

// A search asks many requests, none of which takes long enough for a bar.
func TestSearchOfShortRequestsHasABar(t *testing.T) { synctest.Test(t, searchHasABar) }

func searchHasABar(t *testing.T) {
	b, seen := drawn(4, 0)
	b.label = "discover.Search.ACDC"
	r := &requests{bar: b}
	for i := range 10 {
		if i == 5 {
			time.Sleep(pause / 2) // the first five took so long
		}
		for done := 1; done <= 4; done++ {
			r.show("discover.Search.ACDC", steps, 0, done, 4)
		}
	}
	if len(*seen) == 0 || !strings.HasPrefix((*seen)[0], "discover.Search.ACDC [####") || !strings.Contains((*seen)[0], " 20/24, ") {
		t.Errorf("drawn %q", *seen)
	}
	if len(*seen) != 2 { // at a pace: once, and that request's end
		t.Errorf("drawn %d times", len(*seen))
	}
	r.show("lens.Tune", steps, 0, 1, 9)
	if b.label != "lens.Tune" || b.done != 1 || b.total != 9 {
		t.Errorf("what comes after a search: %+v", b)
	}
}

// What a cell calls names its bar: the outermost function that it can have called.
func TestWorkIsNamed(t *testing.T) {
	const at = "github.com/golens/golens/"
	for _, test := range []struct{ stack, want string }{ // the innermost first
		{"model.report model.(*client).Do model.(*Model).SweepContext model.(*Model).Sweep", "model.Sweep"},
		{"model.(*client).Do model.(*Model).Sweep interp/discover.(*acdc).cut interp/discover.(*Search).ACDC", "discover.Search.ACDC"},
		{"model.(*Model).Do interp/ioi.Find.func1 interp/ioi.Find", "ioi.Find"},
		{"model.(*Model).Do interp/lens.Tune.TuneContext interp/lens.Tune.Tune", "lens.Tune"},
		{"model.(*Model).Do interp/graph.Over[...]", "graph.Over"},
		{"model.report model.Report interp/neuron.(*survey).run.func1", "model"},
		{"model.(*Model).TallyContext model.(*tallyWalk).begin.func2", "model.Tally"},
		{"", "model"},
	} {
		stack := strings.Fields(test.stack)
		for i := range stack {
			stack[i] = at + stack[i]
		}
		if got := called(append(stack, "main.main", "runtime.main")); got != test.want {
			t.Errorf("%s: got %s, want %s", test.stack, got, test.want)
		}
	}
}

func TestDownloadsCountMegabytes(t *testing.T) {
	now := time.Now()
	b := &Bar{unit: megabytes, done: 53_100_000, total: 548_105_171, start: now.Add(-2 * time.Second)}
	if got, want := b.words(false, now), "53.1/548.1 MB, 26.6 MB/s, 19 s left"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
