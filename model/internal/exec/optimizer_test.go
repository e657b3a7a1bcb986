package exec

import (
	"math"
	"testing"

	"github.com/golens/golens/model/internal/backend"
)

func engine(t *testing.T) *Engine {
	t.Helper()
	b, err := backend.Open("")
	if err != nil {
		t.Fatal(err)
	}
	return &Engine{Backend: b}
}

// Adam and SGD as their papers and torch have them, step by step by hand, and the
// same when one goes on from what another remembered.
func TestOptimizers(t *testing.T) {
	e := engine(t)
	grads := [][]float32{{1, -2}, {.5, 0}, {-1, 3}, {2, 2}}
	for name, rule := range map[string]Rule{
		"adam":               {Kind: "adam", Beta1: .9, Beta2: .99, Epsilon: 1e-8},
		"adam, decay":        {Kind: "adam", Beta1: .9, Beta2: .99, Epsilon: 1e-8, Decay: .1},
		"sgd":                {Kind: "sgd"},
		"momentum":           {Kind: "sgd", Momentum: .9},
		"nesterov and decay": {Kind: "sgd", Momentum: .9, Nesterov: true, Decay: .1},
	} {
		t.Run(name, func(t *testing.T) {
			x := []float64{1, 2}
			var m, v [2]float64
			o, err := e.NewOptimizer(rule, []int{2}, []float32{1, 2}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for step, g := range grads {
				rate := .1 / float64(1+step)
				for i := range x {
					d := float64(g[i])
					if rule.Kind == "adam" {
						m[i] = rule.Beta1*m[i] + (1-rule.Beta1)*d
						v[i] = rule.Beta2*v[i] + (1-rule.Beta2)*d*d
						n := float64(step + 1)
						x[i] -= rate * (m[i]/(1-math.Pow(rule.Beta1, n))/(math.Sqrt(v[i]/(1-math.Pow(rule.Beta2, n)))+rule.Epsilon) + rule.Decay*x[i])
						continue
					}
					d += rule.Decay * x[i]
					m[i] = rule.Momentum*m[i] + d
					switch {
					case rule.Nesterov:
						d += rule.Momentum * m[i]
					case rule.Momentum > 0:
						d = m[i]
					}
					x[i] -= rate * d
				}
				got, err := o.Step(e, g, rate)
				if err != nil {
					t.Fatal(err)
				}
				for i := range x {
					if math.Abs(float64(got[i])-x[i]) > 1e-5 {
						t.Fatalf("step %d: %v, want %v", step, got, x)
					}
				}
				state, err := o.State()
				if err != nil {
					t.Fatal(err)
				}
				o.Close()
				if o, err = e.NewOptimizer(rule, []int{2}, got, state); err != nil { // the next step is another's
					t.Fatal(err)
				}
			}
			o.Close()
		})
	}
	if _, err := e.NewOptimizer(Rule{Kind: "lion"}, []int{1}, []float32{1}, nil); err == nil {
		t.Error("an optimizer that is not known")
	}
}
