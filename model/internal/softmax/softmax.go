// Package softmax computes exponentials over a vocabulary, and what is made of
// them, on the host: vector by vector where the program is built with
// GOEXPERIMENT=simd and the processor has AVX2, else in plain Go.
//
// It never calls math.Exp in a loop. That mixes two encodings of instructions on
// amd64, and where wide registers are in use, as they are beside vector code, each
// change from one to the other costs some 70 cycles on processors of before 2016
// and on some with AVX-512: 190 to 600 ns for a value instead of 8.
//
// Every exponential is within 1e-13 of its exact value, relatively, and so are sums
// of any length; below exp(-708) it is 0. NaN stays NaN.
package softmax

import "math"

// LogSum is log(sum(exp(x))).
func LogSum(x []float32) float64 {
	top := float64(highest(x))
	return top + math.Log(exps(nil, x, top, 1))
}

// Exps fills out, as long as x or nil, with exp((x - shift) * scale) and gives their
// sum. No value may be above exp(708).
func Exps(out []float64, x []float32, shift, scale float64) (sum float64) {
	return exps(out, x, shift, scale)
}

// Each gives every index and its exp(x - shift), in order.
func Each(x []float32, shift float64, use func(i int, exp float64)) {
	var some [512]float64
	for at := 0; at < len(x); at += len(some) {
		n := min(len(some), len(x)-at)
		exps(some[:n], x[at:at+n], shift, 1)
		for i, e := range some[:n] {
			use(at+i, e)
		}
	}
}

// Of is the probabilities that logits give, in out, and the logarithm by which they
// were divided: the log probability of the i-th is x[i] less it.
func Of(out []float64, x []float32) (logSum float64) {
	top := float64(highest(x))
	sum := exps(out, x, top, 1)
	for i := range out {
		out[i] /= sum
	}
	return top + math.Log(sum)
}

// highest is the largest of the numbers; -Inf if there is none.
func highest(x []float32) float32 {
	top := float32(math.Inf(-1))
	for _, v := range x {
		if v > top {
			top = v
		}
	}
	return top
}

// An exponential is 2^n e^r with r at most half of log 2, e^r by the first twelve
// terms of its series, whose rest is below 1e-14. Added to magic, a number is
// rounded, and its integer stands in the last bits of the sum.
const (
	magic  = 3 << 51
	ln2Hi  = 6.93147180369123816490e-01 // 33 bits, so that its multiples are exact
	ln2Lo  = 1.90821492927058770002e-10
	lowest = -708
)

var series = [...]float64{
	1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 1.0 / 2, 1, 1,
}

// exp is the exponential of a number.
func exp(t float64) float64 {
	if t < lowest {
		return 0
	}
	rounded := t*math.Log2E + magic
	n := rounded - magic
	r := (t - n*ln2Hi) - n*ln2Lo
	p := series[0]
	for _, c := range series[1:] {
		p = p*r + c
	}
	return math.Float64frombits(math.Float64bits(p) + math.Float64bits(rounded)<<52)
}

// plain is exps one by one.
func plain(out []float64, x []float32, shift, scale float64) (sum float64) {
	for i, v := range x {
		e := exp((float64(v) - shift) * scale)
		if out != nil {
			out[i] = e
		}
		sum += e
	}
	return sum
}
