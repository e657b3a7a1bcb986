package plotting

import "math"

// ticks are round numbers in [lo, hi], about n of them, in steps of 1, 2 or 5
// times a power of ten.
func ticks(lo, hi float64, n int) []float64 {
	if !(hi > lo) || n < 1 {
		return []float64{lo}
	}
	step := niceStep((hi - lo) / float64(n))
	var out []float64
	// The tolerance keeps an end that is a tick but for rounding.
	for k := math.Ceil(lo/step - 1e-9); k*step <= hi+1e-9*step; k++ {
		out = append(out, k*step)
	}
	return out
}

// niceStep is the smallest of 1, 2, 5 times a power of ten that is at least v.
func niceStep(v float64) float64 {
	p := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*p >= v*(1-1e-9) {
			return m * p
		}
	}
	return 10 * p
}

// tickLabels writes the ticks with as many decimals as their step needs.
func tickLabels(t []float64) []string {
	out := make([]string, len(t))
	step := 0.0
	big := 0.0
	for i, v := range t {
		big = max(big, math.Abs(v))
		if i > 0 {
			step = v - t[i-1]
		}
	}
	// Beyond these the digits stop being readable and an exponent is shorter.
	if step == 0 || big >= 1e6 || step < 1e-4 {
		for i, v := range t {
			out[i] = number(v)
			if step > 0 && math.Abs(v) < step/2 {
				out[i] = "0"
			}
		}
		return out
	}
	d := max(0, int(-math.Floor(math.Log10(step)+1e-9)))
	for i, v := range t {
		out[i] = decimal(v, d)
	}
	return out
}
