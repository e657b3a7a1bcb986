package phase_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/heads"
	"github.com/golens/golens/interp/phase"
	"github.com/golens/golens/model"
)

// sigmoid is a series that rises by ln(step) around a step.
func sigmoid(name string, at, steepness float64, steps []float64) phase.Series {
	s := phase.Series{Name: name, Steps: steps}
	for _, step := range steps {
		s.Values = append(s.Values, 1/(1+math.Exp(-steepness*(math.Log(step+1)-math.Log(at+1)))))
	}
	return s
}

// spaced are checkpoints, each a factor after the one before.
func spaced(from, factor float64, n int) []float64 {
	var all []float64
	for i := range n {
		all = append(all, math.Round(from*math.Pow(factor, float64(i))))
	}
	return all
}

// A sigmoid's step is returned, whether it rises or falls, at a checkpoint or
// between two.
func TestSigmoidsAreFound(t *testing.T) {
	for _, steps := range [][]float64{spaced(10, 1.3, 25), spaced(10, 1.6, 14), append([]float64{0}, spaced(20, 1.4, 18)...)} {
		for _, at := range []float64{100, 444, 1000} {
			for _, up := range []float64{1, -1} {
				s := sigmoid("s", at, 6, steps)
				for i := range s.Values {
					s.Values[i] *= up
				}
				c, err := phase.Find(s)
				if err != nil {
					t.Fatal(err)
				}
				gap := 0.0 // of checkpoints around it
				for i, step := range steps[1:] {
					if step >= at && steps[i] <= at {
						gap = math.Log((step + 1) / (steps[i] + 1))
					}
				}
				if off := math.Abs(math.Log(c.Step / at)); off > gap/4 || c.Slope*up <= 0 {
					t.Errorf("a sigmoid at %v is found at %v with slope %v; checkpoints lie %.2f apart and it is %.3f off", at, c.Step, c.Slope, gap, off)
				}
				if !(c.Lo <= at*1.0001 && at <= c.Hi*1.0001) || c.Sampled {
					t.Errorf("the interval %v to %v of checkpoints leaves %v out", c.Lo, c.Hi, at)
				}
			}
		}
	}
}

// With noisy samples the interval holds the step as often as it says.
func TestIntervalsHoldTheStep(t *testing.T) {
	steps := spaced(10, 1.3, 25)
	rng := rand.New(rand.NewPCG(1, 2))
	held := 0
	const runs = 40
	for range runs {
		truth := sigmoid("s", 300, 4, steps)
		s := phase.Series{Name: "s", Steps: steps, Values: make([]float64, len(steps))}
		for range 40 {
			one := make([]float64, len(steps))
			for i, v := range truth.Values {
				one[i] = v + rng.NormFloat64()*0.3
				s.Values[i] += one[i] / 40
			}
			s.Samples = append(s.Samples, one)
		}
		c, err := phase.Finder{Width: 0.3, Resamples: 100}.Find(s)
		if err != nil {
			t.Fatal(err)
		}
		if c.Lo <= 300 && 300 <= c.Hi && c.Sampled {
			held++
		}
	}
	if held < runs*85/100 {
		t.Errorf("%d of %d intervals hold the step", held, runs)
	}
}

func TestLags(t *testing.T) {
	steps := spaced(10, 1.3, 25)
	find := func(at float64) *phase.Change {
		c, err := phase.Find(sigmoid("s", at, 6, steps))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if l := phase.Between(find(100), find(400)); math.Abs(l.Times-4) > 0.3 || !l.Apart || !(l.Lo < 4 && 4 < l.Hi) {
		t.Errorf("lag %+v, want 4", l)
	}
	if l := phase.Between(find(100), find(103)); l.Apart {
		t.Errorf("between the same checkpoints one is said to come first: %+v", l)
	}
}

func TestBadSeriesAreErrors(t *testing.T) {
	for says, s := range map[string]phase.Series{
		"three or more":        {Steps: []float64{1, 2}, Values: []float64{1, 2}},
		"must rise":            {Steps: []float64{1, 3, 2}, Values: []float64{1, 2, 3}},
		"NaN at step 2":        {Steps: []float64{1, 2, 3}, Values: []float64{1, math.NaN(), 3}},
		"is the same at all":   {Steps: []float64{1, 2, 3}, Values: []float64{1, 1, 1}},
		"sample 0 has 1 value": {Steps: []float64{1, 2, 3}, Values: []float64{1, 2, 3}, Samples: [][]float64{{1}}},
	} {
		if _, err := phase.Find(s); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error is %v, want one that says %q", err, says)
		}
	}
}

// In the zoo's two-layer model the induction heads come about at step 600 to 800
// (its card): before attention to the token before is at its steepest.
func TestInductionHeadsOfTheZoo(t *testing.T) {
	m, err := model.Open("zoo:godoc-2l")
	if err != nil {
		t.Fatal(err)
	}
	series := func(name string, score func(*model.Model, heads.Repeated) (*interp.Result, error), layer int) phase.Series {
		r, err := interp.Checkpoints(m, func(at *model.Model) (*interp.Result, error) { return score(at, heads.Repeated{}) })
		if err != nil {
			t.Fatal(err)
		}
		best, found := 0, phase.Series{}
		for h := range m.Config().Heads {
			s, err := phase.Of(r, name, layer, h)
			if err != nil {
				t.Fatal(err)
			}
			if last := len(s.Values) - 1; h == 0 || s.Values[last] > found.Values[last] {
				best, found = h, s
			}
		}
		t.Logf("%s: head %d.%d, %.2f at steps %v", name, layer, best, found.Values, found.Steps)
		return found
	}
	induction, err := phase.Find(series("prefix matching", heads.Induction, 1))
	if err != nil {
		t.Fatal(err)
	}
	previous, err := phase.Find(series("previous token", heads.PreviousToken, 0))
	if err != nil {
		t.Fatal(err)
	}
	lag := phase.Between(previous, induction)
	t.Logf("\n%v\n%v\n%v", induction, previous, lag)
	if induction.Step < 600 || induction.Step > 800 || !induction.Sampled {
		t.Errorf("%v; the card says 600 to 800", induction)
	}
	// Attention to the token before goes on rising, slowly, when induction is there:
	// its steepest place is no earlier.
	if !(lag.Times < 1) || !lag.Apart {
		t.Errorf("%v", lag)
	}
}
