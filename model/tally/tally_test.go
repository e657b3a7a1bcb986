package tally_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/tally"
)

var point = hook.MLPPost(0)

func reducers() []tally.Reducer {
	return []tally.Reducer{
		{Point: point, Kind: tally.Moments},
		{Point: point, Kind: tally.Above, Threshold: 0.5, By: tally.ByToken},
		{Point: point, Kind: tally.Histogram, Low: -1, High: 1, Bins: 4, By: tally.ByPosition},
		{Point: point, Kind: tally.Covariance},
		{Point: point, Kind: tally.Top, K: 3, By: tally.ByLabel},
		{Point: point, Kind: tally.Grams, N: 1, K: 4},
		{Point: point, Kind: tally.Grams, N: 2, K: 3}, // all go over
	}
}

// In whichever order and pieces rows come, the state is the same, and it is what
// plain loops give.
func TestAnyOrderGivesTheSame(t *testing.T) {
	const units, groups, rows, pos = 3, 4, 20, 6
	rng := rand.New(rand.NewPCG(1, 2))
	values := make([][]float32, rows) // [pos, unit]
	group := make([][]int, rows)
	for i := range values {
		for range pos {
			group[i] = append(group[i], rng.IntN(groups))
			for range units {
				values[i] = append(values[i], float32(rng.NormFloat64())*float32(math.Pow(10, float64(rng.IntN(8)))))
			}
		}
	}
	at := hook.UpTo(pos)
	for _, r := range reducers() {
		take := func(order []int, pieces int) *tally.State {
			total := r.New(units, groups)
			for part := range slices.Chunk(order, (len(order)+pieces-1)/pieces) {
				s := r.New(units, groups)
				for _, row := range part {
					r.Add(s, group[row], values[row], int64(row), at)
				}
				if err := r.Merge(total, s); err != nil {
					t.Fatal(err)
				}
			}
			return total
		}
		whole := take(hook.UpTo(rows), 1)
		other := take(rng.Perm(rows), 7)
		for name, s := range map[string][2]any{
			"counts": {whole.Count, other.Count}, "seen": {whole.Seen, other.Seen}, "top": {whole.Top, other.Top}, "grams": {whole.Grams, other.Grams}, "over": {whole.Over, other.Over},
			"min": {whole.Min, other.Min}, "max": {whole.Max, other.Max},
		} {
			if !reflect.DeepEqual(s[0], s[1]) {
				t.Errorf("%s: %s differ: %v and %v", r, name, s[0], s[1])
			}
		}
		for i := range whole.Sum {
			if whole.Sum[i].Value() != other.Sum[i].Value() || whole.Squares[i].Value() != other.Squares[i].Value() {
				t.Errorf("%s: sums of %d are %v and %v", r, i, whole.Sum[i], other.Sum[i])
			}
		}
		for i, v := range whole.Products {
			if math.Abs(v-other.Products[i]) > 1e-12*math.Abs(v)+1 { // of values up to 1e7, whose products are 1e14
				t.Errorf("%s: product %d is %g and %g", r, i, v, other.Products[i])
			}
		}
	}
}

// By hand: two positions of two units.
func TestByHand(t *testing.T) {
	add := func(r tally.Reducer) *tally.State {
		s := r.New(2, 1)
		r.Add(s, []int{0, 0}, []float32{1, -2, 3, float32(math.NaN())}, 5, []int{7, 8})
		return s
	}
	m := tally.Reducer{Point: point, Kind: tally.Moments}
	s := add(m)
	if got := m.Mean(s).At(1); got != -2 {
		t.Errorf("the mean of -2 and a value that is none is %g", got)
	}
	if got := (tally.Reducer{Kind: tally.Covariance}); got.CovarianceOf(add(got), 0).At(0, 0) != 0 {
		t.Error("a covariance counts a position at which a unit has no value")
	}
	if m.Mean(s).At(0) != 2 || m.Variance(s).At(0) != 1 || s.Max[0] != 3 || s.Min[1] != -2 || s.NaN != 1 || s.Seen[0] != 2 {
		t.Errorf("moments %+v", s)
	}
	top := tally.Reducer{Point: point, Kind: tally.Top, K: 1}
	if got, want := add(top).Top[0], []tally.Place{{Value: 3, Row: 5, Pos: 8}}; !slices.Equal(got, want) {
		t.Errorf("the largest is %v, want %v", got, want)
	}
	h := tally.Reducer{Point: point, Kind: tally.Histogram, Low: 0, High: 3, Bins: 3}
	if got, want := add(h).Count, []int64{0, 0, 1, 0, 1, 1, 0, 0, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("bins %v, want %v", got, want)
	}
	c := tally.Reducer{Point: point, Kind: tally.Covariance}
	v := c.New(2, 1)
	c.Add(v, []int{0, 0}, []float32{1, 2, 3, 6}, 0, []int{0, 1})
	if got := c.CovarianceOf(v, 0); got.At(0, 0) != 1 || got.At(0, 1) != 2 || got.At(1, 1) != 4 {
		t.Errorf("covariance %v", got)
	}
}

func TestBadReducers(t *testing.T) {
	for want, r := range map[string]tally.Reducer{
		"nothing is kept":    {Point: point},
		"at least one":       {Point: point, Kind: tally.Top},
		"bins from 1 to":     {Point: point, Kind: tally.Histogram, Low: 1, High: 0, Bins: 2},
		"by \"language\"":    {Point: point, Kind: tally.Moments, By: "language"},
		"keys differ":        {Point: hook.Pattern(0), Kind: tally.Moments},
		"selected by number": {Point: point.Row(1), Kind: tally.Moments},
	} {
		if err := r.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; it should say %q", err, want)
		}
	}
	a, b := reducers()[0], reducers()[1]
	if err := a.Merge(a.New(2, 1), b.New(2, 1)); err == nil {
		t.Error("states of different reducers merge")
	}
}
