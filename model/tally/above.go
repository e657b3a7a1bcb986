package tally

// count1 counts values above a bound, each in its place, and tells whether there are
// values that are none; these are above nothing. Both are without a jump that depends on
// the values.
func count1[N int64 | uint8](count []N, values []float32, over float32) (none bool) {
	count = count[:len(values)]
	for i, v := range values {
		n := N(0)
		if v > over {
			n = 1
		}
		count[i] += n
		if v != v {
			none = true
		}
	}
	return none
}
