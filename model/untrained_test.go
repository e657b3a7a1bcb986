package model_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat"

	"github.com/golens/golens/model"
)

// An untrained model has other values of the same spread, by seed.
func TestUntrained(t *testing.T) {
	m := open(t)
	read := func(seed uint64) []float32 {
		v, err := m.Process(model.Processing{Untrained: seed})
		if err != nil {
			t.Fatal(err)
		}
		if seed != 0 && !strings.Contains(v.Info().Processing.String(), "drawn anew") {
			t.Errorf("%v", v.Info().Processing)
		}
		w, err := v.Products(model.Chain{model.WIn(1)})
		if err != nil {
			t.Fatal(err)
		}
		return w[0].Values()
	}
	raw, one, again, two := read(0), read(1), read(1), read(2)
	if slices.Equal(raw, one) || slices.Equal(one, two) || !slices.Equal(one, again) {
		t.Error("the values do not hang on the seed alone")
	}
	wide := func(x []float32) []float64 {
		var y []float64
		for _, v := range x {
			y = append(y, float64(v))
		}
		return y
	}
	a, b := stat.StdDev(wide(raw), nil), stat.StdDev(wide(one), nil)
	if math.Abs(a-b) > .1*a {
		t.Errorf("spreads of %g and %g", a, b)
	}
	if r := stat.Correlation(wide(raw), wide(one), nil); math.Abs(r) > .15 {
		t.Errorf("they correlate by %g", r)
	}
}
