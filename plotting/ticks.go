package plotting

import (
	"math"
	"strings"
)

// tick is a labelled position on an axis.
type tick struct {
	at    float64
	label string
}

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

// tickLabels writes the ticks with as many digits as their step needs, and with
// an exponent where that is shorter.
func tickLabels(t []float64) []string {
	out := make([]string, len(t))
	if len(t) < 2 {
		for i, v := range t {
			out[i] = number(v)
		}
		return out
	}
	step := t[1] - t[0]
	big := max(math.Abs(t[0]), math.Abs(t[len(t)-1]))
	digits := -int(math.Floor(math.Log10(step) + 1e-9)) // after the point
	exponents := big >= 1e6 || big < 1e-3 || step < 1e-4 && big < 1e-2
	for i, v := range t {
		switch {
		case math.Abs(v) < step/2: // but for rounding
			out[i] = decimal(0, max(0, digits))
			if exponents {
				out[i] = "0"
			}
		case exponents:
			out[i] = significant(v, max(1, digits+1+int(math.Floor(math.Log10(math.Abs(v))+1e-9))))
		default:
			out[i] = decimal(v, max(0, digits))
		}
	}
	return out
}

func ticksOf(lo, hi float64, n int) []tick {
	at := ticks(lo, hi, n)
	var out []tick
	for i, l := range tickLabels(at) {
		out = append(out, tick{at[i], l})
	}
	return out
}

// logTicks are powers of ten, with 2 and 5 in between on a short axis.
func logTicks(lo, hi float64) []tick {
	few := math.Log10(hi/lo) < 3 // decades
	step := max(1, int(math.Log10(hi/lo)/8))
	var out []tick
	for k := int(math.Floor(math.Log10(lo))); k <= int(math.Ceil(math.Log10(hi))); k += step {
		for _, m := range []float64{1, 2, 5} {
			v := m * math.Pow(10, float64(k))
			if (m == 1 || few) && v >= lo*(1-1e-9) && v <= hi*(1+1e-9) {
				out = append(out, tick{v, short10(v)})
			}
		}
	}
	return out
}

// short10 writes a power of ten or a small multiple of one: 1000, 1e6.
func short10(v float64) string {
	s := number(v)
	if v >= 1e-3 && v < 1e6 {
		s = strings.TrimSuffix(strings.TrimRight(decimal(v, 3), "0"), ".")
	}
	return s
}
