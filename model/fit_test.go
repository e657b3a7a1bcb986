package model_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// someRows are rows of random tokens.
func someRows(rng *rand.Rand, m *model.Model, n, length int) [][]int32 {
	rows := make([][]int32, n)
	for i := range rows {
		for range length {
			rows[i] = append(rows[i], rng.Int32N(int32(m.Config().Vocab)))
		}
	}
	return rows
}

// squared is the squared distance of two values.
func squared(a, b formula.Expr) formula.Expr { return a.Sub(b).Mul(a.Sub(b)).Sum() }

// A fit finds the linear map that made its targets, and a rotation.
func TestFitFindsWhatWasPlanted(t *testing.T) {
	m := open(t)
	d := m.Config().DModel
	rng := rand.New(rand.NewPCG(3, 3))
	rows := model.Request{Rows: someRows(rng, m, 48, 8)}
	x := formula.Here()
	at := hook.ResidPost(0)

	t.Run("linear map", func(t *testing.T) {
		W := tensorOf(rng, d, 5)
		watch := at.Watch("error", squared(x.Dot(formula.Free("found", d, 5)), x.Dot(formula.Tensor("planted", W))))
		got, err := m.Fit(model.Fit{
			Base: rows.Edit(watch), Find: []model.Find{{Name: "found"}}, Loss: []model.Loss{{Value: at.Label("error")}},
			Optimizer: model.Optimizer{Rate: .1, Schedule: "cosine"}, Steps: 600,
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := modeltest.MaxDiff(got.Tensor("found"), W); !(diff < 1e-4) {
			t.Errorf("off by %g: %v", diff, got)
		}
	})
	t.Run("rotation", func(t *testing.T) {
		for name, k := range map[string]int{"square": d, "some columns": 3} {
			R := rotation(t, rng, d, k)
			watch := at.Watch("error", squared(x.Dot(formula.Free("found", d, k)), x.Dot(formula.Tensor("planted", R))))
			got, err := m.Fit(model.Fit{
				Base: rows.Edit(watch), Find: []model.Find{{Name: "found", Orthogonal: true}}, Loss: []model.Loss{{Value: at.Label("error")}},
				Optimizer: model.Optimizer{Rate: .05, Schedule: "cosine"}, Steps: 600, Seed: 5,
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := modeltest.MaxDiff(got.Tensor("found"), R); !(diff < 1e-3) {
				t.Errorf("%s: off by %g: %v", name, diff, got)
			}
		}
	})
}

// rotation is a random matrix with orthonormal columns, of determinant 1 if square.
func rotation(t *testing.T, rng *rand.Rand, n, k int) *array.Array {
	t.Helper()
	a := tensorOf(rng, n, k)
	x := a.Values()
	for j := range k { // Gram-Schmidt, twice for good measure
		for range 2 {
			for i := range j {
				dot := float32(0)
				for r := range n {
					dot += x[r*k+i] * x[r*k+j]
				}
				for r := range n {
					x[r*k+j] -= dot * x[r*k+i]
				}
			}
			norm := float32(0)
			for r := range n {
				norm += x[r*k+j] * x[r*k+j]
			}
			for r := range n {
				x[r*k+j] /= float32(math.Sqrt(float64(norm)))
			}
		}
	}
	return a
}
