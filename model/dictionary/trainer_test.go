package dictionary

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/golens/golens/model/weights"
)

// fixture is what SAELens 6.54 computes in float64.
type fixture struct {
	*weights.Store
	t *testing.T
}

func open(t *testing.T, path string) fixture {
	t.Helper()
	s, err := weights.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return fixture{s, t}
}

func (f fixture) has(name string) bool { return slices.Contains(f.Names(), name) }

func (f fixture) get(name string) []float32 {
	f.t.Helper()
	_, v, err := f.Float32(name)
	if err != nil {
		f.t.Fatal(err)
	}
	return slices.Clone(v)
}

// flip is the transpose of x [rows, cols].
func flip(x []float32, rows, cols int) []float32 {
	y := make([]float32, len(x))
	for r := range rows {
		for c := range cols {
			y[c*rows+r] = x[r*cols+c]
		}
	}
	return y
}

// settings of a training configuration of SAELens.
func settings(t *testing.T, path string) Settings {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Architecture string   `json:"architecture"`
		DSAE         int      `json:"d_sae"`
		K            int      `json:"k"`
		L1           float64  `json:"l1_coefficient"`
		P            float64  `json:"lp_norm"`
		L0           float64  `json:"l0_coefficient"`
		Bandwidth    float64  `json:"jumprelu_bandwidth"`
		Mode         string   `json:"jumprelu_sparsity_loss_mode"`
		Scale        float64  `json:"jumprelu_tanh_scale"`
		STE          bool     `json:"jumprelu_ste_to_input"`
		Target       *float64 `json:"target_l0"`
		PreAct       *float64 `json:"pre_act_loss_coefficient"`
		Aux          float64  `json:"aux_loss_coefficient"`
		Rescale      *bool    `json:"rescale_acts_by_decoder_norm"`
		Widths       []int    `json:"matryoshka_widths"`
		Own          bool     `json:"use_matryoshka_aux_loss"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	s := Settings{Method: Method(c.Architecture), Features: c.DSAE, K: c.K, L1: c.L1, P: c.P, L0: c.L0, Bandwidth: c.Bandwidth,
		Penalty: c.Mode, TanhScale: c.Scale, InputSTE: c.STE, Aux: c.Aux, Widths: c.Widths, OwnAux: c.Own}
	s.NoRescale = c.Rescale != nil && !*c.Rescale
	if c.Target != nil {
		s.TargetL0 = *c.Target
	}
	if c.PreAct != nil {
		s.PreAct = *c.PreAct
	}
	return s
}

// TestLossesAndGradients holds a step of every method to SAELens', whichever
// products are sparse.
func TestLossesAndGradients(t *testing.T) {
	dirs, err := filepath.Glob("testdata/training/*")
	if err != nil || len(dirs) < 12 {
		t.Fatal(len(dirs), err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			o := open(t, filepath.Join(dir, "oracle.safetensors"))
			tr, err := NewTrainer(settings(t, filepath.Join(dir, "train_cfg.json")), 32, 32, false, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range tr.params() {
				v := o.get("param." + p.name)
				if p.name == "W_enc" {
					v = flip(v, 32, 64)
				}
				copy(p.value, v)
			}
			dead := make([]bool, 64)
			if o.has("dead") {
				v, err := o.Tensor("dead")
				if err != nil {
					t.Fatal(err)
				}
				for i, b := range v.Bytes {
					dead[i] = b != 0
				}
			}
			tr.theta, tr.seen = 0.5, true
			b, err := tr.gradients(o.get("input"), nil, dead, nil)
			if err != nil {
				t.Fatal(err)
			}
			near := func(what string, got, want float64) {
				t.Helper()
				if !(math.Abs(got-want) <= 1e-5*max(1, math.Abs(want))) {
					t.Errorf("%s is %.7g, SAELens has %.7g", what, got, want)
				}
			}
			near("loss", b.report.Loss, float64(o.get("loss")[0]))
			near("mse", b.report.MSE, float64(o.get("loss.mse_loss")[0]))
			for _, name := range []string{"loss.l1_loss", "loss.l0_loss"} {
				if o.has(name) {
					near(name, b.report.Sparsity, float64(o.get(name)[0]))
				}
			}
			for _, name := range []string{"loss.auxiliary_reconstruction_loss", "loss.pre_act_loss"} {
				if o.has(name) {
					near(name, b.report.Aux, float64(o.get(name)[0]))
				}
			}
			for _, p := range tr.params() {
				want, got := o.get("grad."+p.name), p.grad
				if p.name == "W_enc" {
					want = flip(want, 32, 64)
				}
				size := 0.0
				for _, v := range want {
					size = max(size, math.Abs(float64(v)))
				}
				worst := 0.0
				for i := range want {
					worst = max(worst, math.Abs(float64(want[i]-got[i])))
				}
				if !(worst <= 1e-5*max(1, size)) {
					t.Errorf("gradient of %s is off by %.2g, its largest value is %.3g", p.name, worst, size)
				}
			}
			if o.has("topk_threshold_after") {
				tr.takeTheta(b)
				near("threshold", tr.theta, float64(o.get("topk_threshold_after")[0]))
			}
		})
	}
}

// TestSparseIsDense holds products entry by entry to those by whole matrices.
func TestSparseIsDense(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	tr, err := NewTrainer(Settings{Features: 40}, 8, 8, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, 5*8)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	few := gather(5, func(r int, take func(int, float32)) { take(7*r%40, float32(r+1)) }) // 1 of 40: sparse
	if tr.isDense(few) {
		t.Fatal("one entry in forty is dense")
	}
	sparse, naive := make([]float32, 40), make([]float32, 40)
	if err := tr.decode(few, sparse); err != nil {
		t.Fatal(err)
	}
	if err := Multiply(Operand{few.full(40), 5, 40, false}, Operand{tr.dec.value, 40, 8, false}, 0, naive); err != nil {
		t.Fatal(err)
	}
	into, twin := make([]float32, 40*8), make([]float32, 40*8)
	if err := tr.accumulate(few, [][]float32{x}, 8, into); err != nil {
		t.Fatal(err)
	}
	if err := Multiply(Operand{few.full(40), 5, 40, true}, Operand{x, 5, 8, false}, 0, twin); err != nil {
		t.Fatal(err)
	}
	for i := range twin {
		if d := into[i] - twin[i]; d > 1e-6 || d < -1e-6 || i < 40 && math.Abs(float64(sparse[i]-naive[i])) > 1e-6 {
			t.Fatalf("value %d differs: %g and %g", i, into[i], twin[i])
		}
	}
}

// TestLargest holds the choice of the largest to a sort, equal ones included.
func TestLargest(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		x := make([]float32, 1+rng.IntN(60))
		for i := range x {
			x[i] = float32(rng.IntN(8))
		}
		k := 1 + rng.IntN(len(x))
		order := make([]int, len(x))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return int(x[b] - x[a]) })
		want := slices.Clone(order[:k])
		slices.Sort(want)
		if got := largest(x, k); !slices.Equal(got, want) {
			t.Fatalf("the %d largest of %v are %v, not %v", k, x, got, want)
		}
	}
}

// TestThrough trains by a further term that is the squared error, in place of the
// squared error.
func TestThrough(t *testing.T) {
	p := plant(12, 8, 2)
	for _, s := range []Settings{{Method: LearnStandard}, {Method: LearnMatryoshka, K: 2, Widths: []int{16}}, {Method: LearnGated}} {
		s.Features, s.Steps, s.Rate = 16, 20, 1e-2
		plain, err := NewTrainer(s, 8, 8, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.NoMSE = true
		through, err := NewTrainer(s, 8, 8, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range s.Steps {
			x := p.rows(32)
			a, err := plain.Step(x, nil)
			if err != nil {
				t.Fatal(err)
			}
			b, err := through.StepThrough(x, nil, func(out []float32) (float64, []float32, error) {
				g, loss := make([]float32, len(out)), 0.0
				for i := range out {
					g[i] = 2 * (out[i] - x[i]) / 32
					loss += math.Pow(float64(out[i]-x[i]), 2) / 32
				}
				return loss, g, nil
			})
			if err != nil || math.Abs(a.Loss-b.Loss) > 1e-4*a.Loss || b.Through == 0 {
				t.Fatalf("%s, step %d: loss %g and %g, %v", s.Method, a.Step, a.Loss, b.Loss, err)
			}
		}
	}
}
