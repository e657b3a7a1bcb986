package training

import (
	"context"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/backend"
)

// tiny is a run of a few seconds on the Go backend.
func tiny() Settings {
	bos := 0
	return Settings{
		Model: config.Config{
			Family: "attn_only", Layers: 2, DModel: 32, Heads: 2, KVHeads: 2, DHead: 16, Vocab: 32, Context: 128,
			Norm: config.NormLayer, Eps: 1e-5, Position: config.PosLearned, Scale: 0.25, BOS: &bos,
		},
		Seed: 1, Steps: 60, Batch: 4, LearningRate: 1e-2, FinalRate: 1e-3, WarmUp: 5, Beta2: 0.99, Repeats: 0.5,
		Checkpoints: []int{0, 30, 60}, LogEvery: 20,
	}
}

// walk is a text in which each token is followed by one of two.
func walk(length int) []int32 {
	rng := rand.New(rand.NewPCG(1, 1))
	text := make([]int32, length)
	at := 0
	for i := range text {
		at = (3*at + rng.IntN(2)) % 31
		text[i] = int32(1 + at)
	}
	return text
}

func run(t *testing.T, s Settings) ([]Point, map[int]arch.Params) {
	t.Helper()
	b, err := backend.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	var points []Point
	saved := map[int]arch.Params{}
	err = Run(t.Context(), b, s, walk(5000), func(p Point) { points = append(points, p) }, func(step int, p arch.Params) error {
		saved[step] = p
		return p.Check(s.Model)
	})
	if err != nil {
		t.Fatal(err)
	}
	return points, saved
}

func TestTrainingLowersTheLossAndRepeats(t *testing.T) {
	s := tiny()
	points, saved := run(t, s)
	var steps []int
	for _, p := range points {
		steps = append(steps, p.Step)
	}
	if want := []int{0, 20, 30, 40, 60}; !slices.Equal(steps, want) {
		t.Errorf("points at steps %v, want %v", steps, want)
	}
	if got := slices.Sorted(maps.Keys(saved)); !slices.Equal(got, s.Checkpoints) {
		t.Errorf("weights of steps %v, want %v", got, s.Checkpoints)
	}
	first, last := points[0], points[len(points)-1]
	// A new model is within a tenth of knowing nothing, ln(32) = 3.47, and the
	// text needs ln(2) = 0.69 of one that knows which two tokens may follow.
	if chance := math.Log(32); math.Abs(first.Text-chance) > chance/10 {
		t.Errorf("loss of the initial weights is %.3f, want about %.3f", first.Text, chance)
	}
	if last.Text > first.Text-1 {
		t.Errorf("held-out loss went from %.3f to %.3f in %d steps, want at least 1 less", first.Text, last.Text, s.Steps)
	}
	again, resaved := run(t, s)
	if !reflect.DeepEqual(saved, resaved) {
		t.Error("a second run gave other weights")
	}
	for i, p := range again {
		if !reflect.DeepEqual(p, points[i]) {
			t.Errorf("a second run gave another point at step %d", p.Step)
		}
	}
	s.Seed = 2
	s.Steps, s.Checkpoints = 5+1, []int{0}
	if _, other := run(t, s); reflect.DeepEqual(other[0], saved[0]) {
		t.Error("another seed gave the same initial weights")
	}
}

// The weights that are saved score what the log says.
func TestMeasureAgreesWithTheLog(t *testing.T) {
	s := tiny()
	s.Steps, s.Checkpoints = 10, []int{10}
	points, saved := run(t, s)
	b, err := backend.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	_, held := HoldOut(walk(5000))
	got, err := Measure(b, s.Model, saved[10], held, s.Seed)
	if err != nil {
		t.Fatal(err)
	}
	if want := points[len(points)-1].Scores; !reflect.DeepEqual(got, want) {
		t.Errorf("measured %+v, logged %+v", got, want)
	}
}

func TestTrainingStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b, err := backend.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	err = Run(ctx, b, tiny(), walk(5000), func(Point) { cancel() }, func(int, arch.Params) error { return nil })
	if err != context.Canceled {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
}

func TestBadSettingsAreErrors(t *testing.T) {
	for _, c := range []struct {
		name, says string
		change     func(*Settings)
	}{
		{"no BOS", "begins a sequence", func(s *Settings) { s.Model.BOS = nil }},
		{"no steps", "must be positive", func(s *Settings) { s.Steps = 0 }},
		{"no rows", "must be positive", func(s *Settings) { s.Batch = 0 }},
		{"warm-up too long", "shorter than the run", func(s *Settings) { s.WarmUp = s.Steps }},
		{"rate rises", "learning rate", func(s *Settings) { s.FinalRate = 1 }},
		{"share above one", "between 0 and 1", func(s *Settings) { s.Repeats = 1.5 }},
		{"checkpoints fall", "must rise", func(s *Settings) { s.Checkpoints = []int{30, 0} }},
		{"checkpoint after the end", "must rise", func(s *Settings) { s.Checkpoints = []int{61} }},
		{"d_model 0", "d_model", func(s *Settings) { s.Model.DModel = 0 }},
		{"context too short", "context", func(s *Settings) { s.Model.Context = 100 }},
		{"text too short", "too few", func(s *Settings) { s.Model.Context = 300 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := tiny()
			c.change(&s)
			b, err := backend.Open("go")
			if err != nil {
				t.Fatal(err)
			}
			err = Run(t.Context(), b, s, walk(5000), func(Point) {}, func(int, arch.Params) error { return nil })
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error is %v, want one that says %q", err, c.says)
			}
		})
	}
}

// A row of repeats is distinct tokens that come again after a period, after BOS.
func TestRepeatedRows(t *testing.T) {
	s := newSampler(tiny().Model, nil, 1, 7, 1)
	row := make([]int32, 25)
	for range 50 {
		s.row(row)
		if row[0] != s.bos {
			t.Fatalf("row %v does not begin with BOS", row)
		}
		body := row[1:]
		period := 1
		for period < len(body) && !slices.Equal(body[period:], body[:len(body)-period]) {
			period++
		}
		if period > len(body)/2 {
			t.Errorf("row %v does not repeat within half of itself", row)
		}
		seen := slices.Clone(body[:period])
		slices.Sort(seen)
		if len(slices.Compact(seen)) != period || seen[0] < 1 || seen[period-1] >= int32(s.vocab) {
			t.Errorf("row %v: its first %d tokens are not distinct words", row, period)
		}
	}
}

// Rows of text are pieces of the text, and both kinds come in their shares.
func TestShares(t *testing.T) {
	text := make([]int32, 500)
	for i := range text {
		text[i] = int32(1 + i%29) // no period up to half of a row
	}
	s := newSampler(tiny().Model, text, 0.25, 7, 1)
	row := make([]int32, 1+57)
	const n = 1000
	repeated := 0
	for range n {
		s.row(row)
		ordered := true
		for i := 2; i < len(row); i++ {
			ordered = ordered && row[i] == row[i-1]%29+1
		}
		if !ordered {
			repeated++
		}
	}
	// 1000 draws of 1/4 have a standard deviation of 14; five of them.
	if math.Abs(float64(repeated)-n/4) > 70 {
		t.Errorf("%d of %d rows are repeats, want about %d", repeated, n, n/4)
	}
}
