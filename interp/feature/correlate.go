package feature

import "math"

// correlations are sums over tokens of features, neurons and heads.
type correlations struct {
	n        float64
	f, ff    []float64
	other    [2][]float64 // neurons, heads
	squares  [2][]float64
	products [2][][]float64 // [feature][other]
}

func newCorrelations(features, neurons, heads int) *correlations {
	c := &correlations{f: make([]float64, features), ff: make([]float64, features)}
	for k, n := range []int{neurons, heads} {
		c.other[k], c.squares[k], c.products[k] = make([]float64, n), make([]float64, n), make([][]float64, features)
		for i := range c.products[k] {
			c.products[k][i] = make([]float64, n)
		}
	}
	return c
}

func (c *correlations) add(f, neurons, heads []float32) {
	c.n++
	for i, v := range f {
		c.f[i] += float64(v)
		c.ff[i] += float64(v) * float64(v)
	}
	for k, x := range [][]float32{neurons, heads} {
		for j, v := range x {
			c.other[k][j] += float64(v)
			c.squares[k][j] += float64(v) * float64(v)
		}
		for i, v := range f {
			if v != 0 {
				for j, w := range x {
					c.products[k][i][j] += float64(v) * float64(w)
				}
			}
		}
	}
}

// of are Pearson's correlations of a feature with the neurons, or the heads.
func (c *correlations) of(i int, heads bool, name func(int) string) (all []Named) {
	k := 0
	if heads {
		k = 1
	}
	for j := range c.other[k] {
		cov := c.products[k][i][j]/c.n - c.f[i]/c.n*c.other[k][j]/c.n
		vf := c.ff[i]/c.n - c.f[i]/c.n*c.f[i]/c.n
		vo := c.squares[k][j]/c.n - c.other[k][j]/c.n*c.other[k][j]/c.n
		all = append(all, Named{name(j), cov / math.Sqrt(vf*vo)})
	}
	return all
}
