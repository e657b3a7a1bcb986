package compose_test

import (
	"math"
	"math/cmplx"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/golens/golens/interp/compose"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/modeltest"
)

// naive are the whole matrices of a model, cut by hand.
type naive struct {
	t testing.TB
	m *model.Model
}

func (n naive) whole(f model.Factor) *mat.Dense {
	n.t.Helper()
	a, err := n.m.Product(f)
	if err != nil {
		n.t.Fatal(err)
	}
	d := mat.NewDense(a.Shape()[0], a.Shape()[1], nil)
	for i := range a.Shape()[0] {
		for j := range a.Shape()[1] {
			d.Set(i, j, a.At(i, j))
		}
	}
	return d
}

// head is the part of a query head: of the keys and values, those that it reads;
// of W_O, with the weight of the norm behind it.
func (n naive) head(letter string, layer, head int) mat.Matrix {
	c := n.m.Config()
	kv := head / (c.Heads / c.KVHeads)
	cut := func(f model.Factor, h int) mat.Matrix {
		return n.whole(f).Slice(0, c.DModel, h*c.DHead, (h+1)*c.DHead)
	}
	switch letter {
	case "Q":
		return cut(model.WQ(layer), head)
	case "K":
		return cut(model.WK(layer), kv)
	case "V":
		return cut(model.WV(layer), kv)
	}
	o := mat.DenseCopyOf(n.whole(model.WO(layer)).Slice(head*c.DHead, (head+1)*c.DHead, 0, c.DModel))
	var gain *mat.Dense
	switch c.NormAt {
	case config.NormAfter:
		gain = n.whole(model.LN1(layer))
	case config.NormSandwich:
		gain = n.whole(model.LN1Post(layer))
	default:
		return o
	}
	o.Apply(func(_, j int, v float64) float64 { return v * gain.At(0, j) }, o)
	return o
}

func product(all ...mat.Matrix) *mat.Dense {
	p := mat.DenseCopyOf(all[0])
	for _, x := range all[1:] {
		var next mat.Dense
		next.Mul(p, x)
		p = &next
	}
	return p
}

// In every family each circuit is that of the head's own matrices, cut out of
// the whole ones by hand: grouped, parallel, sandwiched, capped, encoder.
func TestFamiliesAgainstWholeMatrices(t *testing.T) {
	const tolerance = 3e-5 // float32 products of 32 terms, on values up to 4
	for name, dir := range modeltest.Families(t) {
		t.Run(name, func(t *testing.T) {
			m := open(t, dir)
			c, n := m.Config(), naive{t, m}
			we, wu := n.whole(model.WE()), n.whole(model.WU())
			tokens := []int32{3, 50, 96}
			near := func(what string, got, want float64) {
				t.Helper()
				if !(math.Abs(got-want) <= tolerance*max(1, math.Abs(want))) {
					t.Errorf("%s is %g, want %g", what, got, want)
				}
			}
			eigen, err := compose.EigenvalueCopying(m)
			if err != nil {
				t.Fatal(err)
			}
			for h := range c.Heads {
				ov := product(n.head("V", 1, h), n.head("O", 1, h))
				r, err := compose.OV(m, graph.Head(1, h), tokens...)
				if err != nil {
					t.Fatal(err)
				}
				full := product(we, ov, wu)
				for i, a := range tokens {
					for j, b := range tokens {
						near("OV", r.At(i, j), full.At(int(a), int(b)))
					}
				}
				var e mat.Eigen
				if !e.Factorize(product(ov, wu, we), mat.EigenNone) {
					t.Fatal("no eigenvalues")
				}
				sum, size := 0.0, 0.0
				for _, v := range e.Values(nil) {
					sum, size = sum+real(v), size+cmplx.Abs(v)
				}
				near("eigenvalue copying", eigen.At(1, h), sum/size)
			}
			normed := c.QKNorm != ""
			for h := range c.Heads {
				r, err := compose.QK(m, graph.Head(1, h), tokens...)
				if normed {
					if err == nil || !strings.Contains(err.Error(), "normed before they meet") {
						t.Errorf("QK under norms on queries and keys: %v", err)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				full := product(we, n.head("Q", 1, h), n.head("K", 1, h).T(), we.T())
				for i, a := range tokens {
					for j, b := range tokens {
						near("QK", r.At(i, j), full.At(int(a), int(b))*c.Scale)
					}
				}
			}
			for _, side := range []compose.Side{compose.Q, compose.K, compose.V} {
				r, err := compose.Composition(m, side)
				if normed && side != compose.V {
					if err == nil || !strings.Contains(err.Error(), "normed before they meet") {
						t.Errorf("%s-composition under norms on queries and keys: %v", side, err)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				for from := range c.Heads {
					for to := range c.Heads {
						ov := product(n.head("V", 0, from), n.head("O", 0, from))
						var x mat.Matrix
						switch side {
						case compose.Q:
							x = product(n.head("Q", 1, to), n.head("K", 1, to).T())
						case compose.K:
							x = product(n.head("K", 1, to), n.head("Q", 1, to).T())
						case compose.V:
							x = product(n.head("V", 1, to), n.head("O", 1, to))
						}
						near(side.String()+"-composition", r.At(from, c.Heads+to), mat.Norm(product(ov, x), 2)/mat.Norm(ov, 2)/mat.Norm(x, 2))
					}
				}
			}
		})
	}
}

// Nine query heads over three of keys and values: each head's key-value head
// reads a token of its own and each query head's output says one of its own.
func TestGroupedHeads(t *testing.T) {
	const heads, groups = 9, 3
	h := modeltest.ByHand(t, map[string]any{
		"n_layer": 2, "n_head": heads, "n_kv_head": groups, "d_head": 1, "n_embd": groups + heads, "vocab_size": groups + heads, "n_positions": 4,
	})
	for i := range groups + heads {
		h.Add("embed.W_E", 1, i, i).Add("unembed.W_U", 1, i, i)
	}
	for g := range groups {
		h.Head(0, g, "W_V", g, 0, 1) // reads token g
		h.Head(1, g, "W_K", groups+3*g, 0, 1)
	}
	for q := range heads {
		h.Head(0, q, "W_O", groups+q, 0, float32(q+1)) // says token groups+q
		h.Head(1, q, "W_Q", q%groups, 0, float32(q+1))
	}
	m := open(t, h.Dir())
	tokens := make([]int32, groups+heads)
	for i := range tokens {
		tokens[i] = int32(i)
	}
	for q := range heads {
		ov, err := compose.OV(m, graph.Head(0, q), tokens...)
		if err != nil {
			t.Fatal(err)
		}
		qk, err := compose.QK(m, graph.Head(1, q), tokens...)
		if err != nil {
			t.Fatal(err)
		}
		composed, err := compose.KComposed(m, graph.Head(0, 3*(q/3)), graph.Head(1, q), tokens...)
		if err != nil {
			t.Fatal(err)
		}
		for i := range tokens {
			for j := range tokens {
				want := 0.0
				if i == q/3 && j == groups+q {
					want = float64(q + 1)
				}
				if got := ov.At(i, j); got != want {
					t.Errorf("OV of head 0.%d from %d to %d: %g, want %g", q, i, j, got, want)
				}
				want = 0
				if i == q%groups && j == groups+3*(q/3) {
					want = float64(q + 1)
				}
				if got := qk.At(i, j); got != want {
					t.Errorf("QK of head 1.%d, %d to %d: %g, want %g", q, i, j, got, want)
				}
				want = 0 // through head 0.3g, which reads token g and writes what the keys of group g read, times 3g+1
				if i == q%groups && j == q/3 {
					want = float64((q + 1) * (3*(q/3) + 1))
				}
				if got := composed.At(i, j); got != want {
					t.Errorf("QK of head 1.%d through 0.%d, %d to %d: %g, want %g", q, 3*(q/3), i, j, got, want)
				}
			}
		}
	}
	k, err := compose.Composition(m, compose.K)
	if err != nil {
		t.Fatal(err)
	}
	for from := range heads {
		for to := range heads {
			want := 0.0
			if from == 3*(to/3) {
				want = 1
			}
			if got := k.At(from, heads+to); math.Abs(got-want) > 1e-6 {
				t.Errorf("K-composition of 0.%d and 1.%d is %g, want %g", from, to, got, want)
			}
		}
	}
}

// Values of a grouped Llama that were recorded outside of golens.
func TestGroupedOVOfLlama(t *testing.T) {
	m := open(t, filepath.Join(filepath.Dir(modeltest.Dir()), "llama_gqa"))
	for h, want := range map[int]float64{1: -0.42006, 2: -0.75816, 3: 0.93181} {
		r, err := compose.OV(m, graph.Head(0, h), 1, 2, 3)
		if err != nil {
			t.Fatal(err)
		}
		if got := float64(r.Values()[0]); math.Abs(got-want) > 1e-5 {
			t.Errorf("head 0.%d: %.5f, want %.5f", h, got, want)
		}
	}
}
