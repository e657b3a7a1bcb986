package arch

import (
	"math"
	"testing"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/config"
)

// GELU by tanh is what its definition gives in float64, to float32's digits also where tanh
// is nearly -1, and its gradient is finite however large a value is.
func TestGELUTanh(t *testing.T) {
	on, err := compute.NewWithConfig("go")
	if err != nil {
		t.Fatal(err)
	}
	var x []float32
	for v := float32(-40); v <= 40; v += 0.03125 {
		x = append(x, v)
	}
	x = append(x, -1e6, 1e6)
	run, err := NewExec(on, func(x *Node) []*Node {
		y := Activate(config.ActGELUTanh, x)
		return []*Node{y, Gradient(ReduceAllSum(y), x)[0]}
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := run.Call(x)
	if err != nil {
		t.Fatal(err)
	}
	y, slope := out[0].Value().([]float32), out[1].Value().([]float32)
	for i, v := range x {
		x := float64(v)
		u := math.Sqrt(2/math.Pi) * (x + 0.044715*x*x*x)
		s := 1 / (1 + math.Exp(-2*u))
		want, rise := x*s, s
		if s*(1-s) > 0 {
			rise += x * s * (1 - s) * 2 * math.Sqrt(2/math.Pi) * (1 + 3*0.044715*x*x)
		}
		// The exponent is rounded to float32, which of a large one is many digits of a tiny result.
		if within := 1e-6 * math.Abs(want) * (1 + 2*math.Abs(u)); math.Abs(float64(y[i])-want) > within+1e-37 {
			t.Errorf("GELU of %g is %g, not %g", x, y[i], want)
		}
		if !(math.Abs(float64(slope[i])-rise) < 1e-5) {
			t.Errorf("its slope at %g is %g, not %g", x, slope[i], rise)
		}
	}
}
