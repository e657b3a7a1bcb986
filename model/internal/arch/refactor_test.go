package arch_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/weights"
)

// rounded is what float32's rounding of weights, of which the largest are 2,
// may change in sums of up to 33 of their products.
const rounded = 1e-5

func read(t *testing.T, dir string) (config.Config, arch.Params) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	c, family, err := arch.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	store, err := weights.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := family.Load(&c, store)
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Read()
	if err != nil {
		t.Fatal(err)
	}
	return c, p
}

// after are the weights after a step.
func after(c config.Config, p arch.Params, step func(config.Config, arch.Plan) (arch.Plan, error)) (arch.Params, error) {
	plan, err := step(c, p.Plan())
	if err != nil {
		return nil, err
	}
	return plan.Read()
}

// reading is a head's W_Q, W_K or W_V [d_model+1, d_head] with the bias, or
// zeros, as its last row.
func reading(c config.Config, p arch.Params, layer int, x string, head int) *mat.Dense {
	w, b := p[arch.LayerName(layer, "attn.W_"+x)], p[arch.LayerName(layer, "attn.b_"+x)]
	m := mat.NewDense(c.DModel+1, c.DHead, nil)
	for j := range c.DHead {
		at := head*c.DHead + j
		for i := range c.DModel {
			m.Set(i, j, float64(w.Data[i*c.Heads*c.DHead+at]))
		}
		if b.Data != nil {
			m.Set(c.DModel, j, float64(b.Data[at]))
		}
	}
	return m
}

// writing is a head's W_O, transposed [d_model, d_head].
func writing(c config.Config, p arch.Params, layer, head int) *mat.Dense {
	w := p[arch.LayerName(layer, "attn.W_O")]
	m := mat.NewDense(c.DModel, c.DHead, nil)
	m.Apply(func(i, j int, _ float64) float64 { return float64(w.Data[(head*c.DHead+j)*c.DModel+i]) }, m)
	return m
}

// apart is the largest difference of two matrices.
func apart(a, b mat.Matrix) float64 {
	var d mat.Dense
	d.Sub(a, b)
	return max(mat.Max(&d), -mat.Min(&d))
}

// gram holds the products of a matrix's columns.
func gram(m *mat.Dense) *mat.Dense {
	var g mat.Dense
	g.Mul(m.T(), m)
	return &g
}

func times(a, b *mat.Dense) *mat.Dense {
	var ab mat.Dense
	ab.Mul(a, b.T())
	return &ab
}

// Products and their factors' properties settle everything but signs: the
// factors of a singular value decomposition are unique otherwise.
func TestRefactor(t *testing.T) {
	did := map[string]int{}
	for name, dir := range modeltest.Families(t) {
		t.Run(name, func(t *testing.T) {
			c, raw := read(t, dir)
			qk, err := after(c, raw, arch.RefactorQK)
			if why := c.CanRefactorQK(); why != nil {
				if err == nil || err.Error() != why.Error() {
					t.Errorf("got %v, want %v", err, why)
				}
			} else {
				did["QK"]++
				if err != nil {
					t.Fatal(err)
				}
			}
			for l := range c.Layers {
				for h := range c.Heads {
					if c.CanRefactorQK() != nil {
						break
					}
					q, k := reading(c, qk, l, "Q", h), reading(c, qk, l, "K", h)
					if d := apart(times(q, k), times(reading(c, raw, l, "Q", h), reading(c, raw, l, "K", h))); !(d < rounded) {
						t.Errorf("head %d.%d: W_QK differs by %g", l, h, d)
					}
					even(t, "W_Q", gram(q))
					if d := apart(gram(q), gram(k)); !(d < rounded) {
						t.Errorf("head %d.%d: lengths of queries' and keys' columns differ by %g", l, h, d)
					}
				}
			}
			ov, err := after(c, raw, arch.RefactorOV)
			if why := c.CanRefactorOV(); why != nil {
				if err == nil || err.Error() != why.Error() {
					t.Errorf("got %v, want %v", err, why)
				}
				return
			}
			did["OV"]++
			if err != nil {
				t.Fatal(err)
			}
			folded, err := arch.FoldValues(c, raw.Plan()).Read()
			if err != nil {
				t.Fatal(err)
			}
			for l := range c.Layers {
				for h := range c.Heads {
					v, o := reading(c, ov, l, "V", h), writing(c, ov, l, h)
					if d := apart(times(v, o), times(reading(c, folded, l, "V", h), writing(c, raw, l, h))); !(d < rounded) {
						t.Errorf("head %d.%d: W_OV differs by %g", l, h, d)
					}
					even(t, "W_V", gram(v))
					one := mat.NewDense(c.DHead, c.DHead, nil)
					for i := range c.DHead {
						one.Set(i, i, 1)
					}
					if d := apart(gram(o), one); !(d < rounded) {
						t.Errorf("head %d.%d: W_O is no rotation, by %g", l, h, d)
					}
				}
			}
		})
	}
	if did["QK"] < 6 || did["OV"] < 12 { // gpt2, gpt_neo, opt, bert, ...; those with rotary positions
		t.Errorf("families refactored: %v", did)
	}
}

// even wants columns orthogonal and ordered, the longest first.
func even(t *testing.T, name string, g *mat.Dense) {
	t.Helper()
	n, _ := g.Dims()
	for i := range n {
		for j := range i {
			if d := math.Abs(g.At(i, j)); !(d < rounded*g.At(0, 0)) {
				t.Errorf("%s: columns %d and %d have the product %g", name, i, j, d)
			}
		}
		if i > 0 && g.At(i, i) > g.At(i-1, i-1)+rounded {
			t.Errorf("%s: column %d is longer than the one before", name, i)
		}
	}
}

// The factors are TransformerLens', up to a sign of each coordinate.
func TestRefactorEqualsTransformerLens(t *testing.T) {
	c, raw := read(t, modeltest.Dir())
	recorded := modeltest.Oracle(t, "refactored_weights.safetensors")
	for _, standard := range []bool{false, true} {
		p, prefix, err := raw, "raw.", error(nil)
		if standard {
			prefix = "standard."
			for _, step := range []func(config.Config, arch.Plan) (arch.Plan, error){arch.FoldNorm, arch.CenterWriting, arch.CenterUnembed} {
				if p, err = after(c, p, step); err != nil {
					t.Fatal(err)
				}
			}
		}
		if p, err = after(c, p, arch.RefactorQK); err != nil {
			t.Fatal(err)
		}
		if p, err = after(c, p, arch.RefactorOV); err != nil {
			t.Fatal(err)
		}
		// Theirs in our layout: heads lie side by side.
		theirs := arch.Params{}
		for l := range c.Layers {
			for _, local := range []string{"attn.W_Q", "attn.W_K", "attn.W_V", "attn.W_O", "attn.b_Q", "attn.b_K", "attn.b_V", "attn.b_O"} {
				name := arch.LayerName(l, local)
				w := recorded[prefix+name]
				if w == nil {
					t.Fatalf("%s is not recorded", prefix+name)
				}
				if strings.HasPrefix(local, "attn.W") && local != "attn.W_O" {
					w = w.Transpose("1", "0", "2")
				}
				theirs[name] = arch.Param{Data: w.Values()}
			}
			ours, b := p[arch.LayerName(l, "attn.b_O")], theirs[arch.LayerName(l, "attn.b_O")]
			for i, v := range b.Data {
				if d := math.Abs(float64(v - ours.Data[i])); !(d < rounded) {
					t.Errorf("%sblocks.%d.attn.b_O[%d] differs by %g", prefix, l, i, d)
				}
			}
			for h := range c.Heads {
				for _, pair := range [][4]*mat.Dense{
					{reading(c, p, l, "Q", h), reading(c, theirs, l, "Q", h), reading(c, p, l, "K", h), reading(c, theirs, l, "K", h)},
					{reading(c, p, l, "V", h), reading(c, theirs, l, "V", h), writing(c, p, l, h), writing(c, theirs, l, h)},
				} {
					for n := range c.DHead {
						sign := math.Copysign(1, mat.Dot(pair[0].ColView(n), pair[1].ColView(n)))
						for i := 0; i < 4; i += 2 {
							var d mat.VecDense
							d.AddScaledVec(pair[i].ColView(n), -sign, pair[i+1].ColView(n))
							// A direction is as certain as its singular value is apart from the next.
							if most := mat.Norm(&d, math.Inf(1)); !(most < 1e-4) {
								t.Errorf("%sblocks.%d head %d: coordinate %d of factor %d differs by %g", prefix, l, h, n, i/2, most)
							}
						}
					}
				}
			}
		}
	}
}

// A head may be wider than the residual stream; then some of its coordinates
// are zero.
func TestRefactorWideHeads(t *testing.T) {
	c := config.Config{Layers: 1, DModel: 2, Heads: 1, KVHeads: 1, DHead: 4}
	fill := func(shape ...int) arch.Param {
		w := arch.Param{Shape: shape, Data: make([]float32, shape[0]*shape[1])}
		for i := range w.Data {
			w.Data[i] = float32(i*i%7) - 2
		}
		return w
	}
	raw := arch.Params{"blocks.0.attn.W_V": fill(2, 4), "blocks.0.attn.W_O": fill(4, 2)}
	p, err := after(c, raw, arch.RefactorOV)
	if err != nil {
		t.Fatal(err)
	}
	before := times(reading(c, raw, 0, "V", 0), writing(c, raw, 0, 0))
	if d := apart(before, times(reading(c, p, 0, "V", 0), writing(c, p, 0, 0))); !(d < rounded*mat.Norm(before, 2)) {
		t.Errorf("W_OV differs by %g", d)
	}
	if v := reading(c, p, 0, "V", 0); v.At(0, 1) == 0 || v.At(0, 2) != 0 || v.At(1, 3) != 0 {
		t.Errorf("W_V is %v", mat.Formatted(v))
	}
	raw["blocks.0.attn.W_O"].Data[3] = float32(math.Inf(1))
	if _, err := after(c, raw, arch.RefactorOV); err == nil || !strings.Contains(err.Error(), "block 0: W_V W_O: head 0: a value is +Inf") {
		t.Errorf("an infinite weight: %v", err)
	}
}
