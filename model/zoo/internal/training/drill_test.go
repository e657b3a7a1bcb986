package training

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/backend"
)

// echo is a drill in which every second token is the one before, once more.
func echo(seed uint64) Drill {
	rng := rand.New(rand.NewPCG(seed, 0))
	d := Drill{Row: func(row []int32) error {
		row[0] = 0
		for i := 1; i < len(row); i++ {
			if row[i] = 1 + rng.Int32N(31); i%2 == 0 {
				row[i] = row[i-1]
			}
		}
		return nil
	}}
	test := Test{Name: "echo"}
	for i := range int32(30) { // prompts of different lengths
		row := make([]int32, 4+2*(i%3))
		d.Row(row)
		last := row[len(row)-1]
		test.Rows, test.Answer, test.Wrong = append(test.Rows, row), append(test.Answer, last), append(test.Wrong, 1+last%31)
	}
	d.Tests = []Test{test}
	return d
}

func TestDrill(t *testing.T) {
	b, err := backend.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	s := tiny()
	s.Model.Context, s.Steps, s.Batch, s.Checkpoints, s.Repeats = 16, 120, 16, []int{120}, 0
	run := func() (points []Point, params arch.Params) {
		err := RunDrill(t.Context(), b, s, echo(1), func(p Point) { points = append(points, p) },
			func(_ int, p arch.Params) error { params = p; return nil })
		if err != nil {
			t.Fatal(err)
		}
		return points, params
	}
	points, params := run()
	first, last := points[0].Tests[0], points[len(points)-1].Tests[0]
	if first.Test != "echo" || first.Top1 > 0.3 || last.Accuracy < 0.9 || last.Diff < first.Diff+1 {
		t.Errorf("from %+v to %+v", first, last)
	}
	got, err := Examine(b, s.Model, params, echo(1).Tests)
	if err != nil || !reflect.DeepEqual(got[0], last) {
		t.Errorf("the saved weights score %+v (%v), logged %+v", got, err, last)
	}
	without, err := ExamineWithout(b, s.Model, params, echo(1).Tests[0])
	if err != nil || len(without) != s.Model.Layers || len(without[0]) != s.Model.Heads {
		t.Errorf("without heads: %v (%v)", without, err)
	}
	if again, _ := run(); !reflect.DeepEqual(again, points) {
		t.Error("a second run gave other points")
	}
}

// Weights say whose loss counts: with all alike it is as without them, and what
// does not count is not learned.
func TestDrillWeights(t *testing.T) {
	b, err := backend.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	s := tiny()
	s.Model.Context, s.Steps, s.Batch, s.LogEvery, s.Checkpoints, s.Repeats, s.TiedStart = 16, 40, 8, 40, nil, 0, true
	last := func(weight func(token int) float32) Point {
		d := echo(1)
		if weight != nil {
			d.Weights = make([]float32, s.Model.Vocab)
			for i := range d.Weights {
				d.Weights[i] = weight(i)
			}
		}
		var last Point
		err := RunDrill(t.Context(), b, s, d, func(p Point) { last = p }, func(int, arch.Params) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		return last
	}
	plain := last(nil)
	// float32 sums in another order, over 40 steps
	if same := last(func(int) float32 { return 3 }); math.Abs(same.Loss-plain.Loss) > 1e-3 {
		t.Errorf("loss %.5f with equal weights, %.5f without", same.Loss, plain.Loss)
	}
	if one := last(func(i int) float32 {
		if i == 5 {
			return 1
		}
		return 0
	}); one.Loss > plain.Loss/2 {
		t.Errorf("the loss of one token is %.3f when it alone counts, %.3f of all: it should be learned at once", one.Loss, plain.Loss)
	}
}

// With a tied start, the unembedding is a small copy of the embedding.
func TestTie(t *testing.T) {
	p := Initial(tiny().Model, 1)
	tie(p)
	for i, v := range p["unembed.W_U"].Data {
		if want := p["embed.W_E"].Data[i] * unembedSpread / embedSpread; v != want {
			t.Fatalf("value %d is %g, want %g", i, v, want)
		}
	}
}

func TestBadDrillsAreErrors(t *testing.T) {
	b, err := backend.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	s := tiny()
	s.Model.Context, s.Steps, s.WarmUp, s.Checkpoints = 16, 6, 1, nil
	for _, c := range []struct {
		name, says string
		change     func(*Drill)
	}{
		{"no rows", "0 rows", func(d *Drill) { d.Tests = append(d.Tests, Test{Name: "empty"}) }},
		{"answers", "29 answers", func(d *Drill) { d.Tests[0].Answer = d.Tests[0].Answer[1:] }},
		{"too long", "longer than the context", func(d *Drill) { d.Tests[0].Rows[0] = make([]int32, 17) }},
		{"weights", "3 weights for a vocabulary of 32", func(d *Drill) { d.Weights = make([]float32, 3) }},
		{"no row", "out of words", func(d *Drill) { d.Row = func([]int32) error { return errors.New("out of words") } }},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := echo(1)
			c.change(&d)
			err := RunDrill(t.Context(), b, s, d, func(Point) {}, func(int, arch.Params) error { return nil })
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error is %v, want one that says %q", err, c.says)
			}
		})
	}
}
