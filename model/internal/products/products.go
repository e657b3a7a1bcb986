// Package products multiplies many vectors with many on the host, where they lie.
//
// A product of matrices needs both in one piece and in an order; these vectors lie in
// many tensors, and bringing them together takes as long as multiplying them.
package products

// block is how many values of vectors are multiplied at a time: few enough that three
// vectors of each side stay in the processor's nearest memory.
const block = 1024

// Add adds to sums[i*stride+j] factor times the inner product of a[i] and b[j], in
// float32. All vectors are equally long.
func Add(sums []float32, stride int, a, b [][]float32, factor float32) {
	if len(a) == 0 || len(b) == 0 {
		return
	}
	n := len(a[0])
	for _, v := range a {
		_ = v[:n:n]
	}
	for _, v := range b {
		_ = v[:n:n]
	}
	for from := 0; from < n; from += block {
		add(sums, stride, a, b, from, min(n, from+block), factor)
	}
}

// plain adds the products of the values from..end-1.
func plain(sums []float32, stride int, a, b [][]float32, from, end int, factor float32) {
	for i, x := range a {
		x := x[from:end]
		for j, y := range b {
			y, sum := y[from:end][:len(x)], float32(0)
			for k, v := range x {
				sum += v * y[k]
			}
			sums[i*stride+j] += factor * sum
		}
	}
}
