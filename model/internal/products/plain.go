//go:build !(goexperiment.simd && amd64)

package products

// Wide tells whether Add multiplies many values at a time, and is faster than an engine.
const Wide = false

func add(sums []float32, stride int, a, b [][]float32, from, end int, factor float32) {
	plain(sums, stride, a, b, from, end, factor)
}
