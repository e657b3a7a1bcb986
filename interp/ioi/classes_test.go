package ioi

import "testing"

// What a head is called by where END looks and what it writes there.
func TestSpeakers(t *testing.T) {
	for _, c := range []struct {
		what                string
		toIO, s1, s2, io, s float64
		want                string
	}{
		{"looks at IO and raises it", 0.6, 0.1, 0.1, 2, -0.1, NameMover},
		{"looks at IO and lowers it", 0.6, 0.1, 0.1, -2, 0.1, NegativeNameMover},
		{"looks at S, a little at IO, and raises IO", 0.2, 0.6, 0.05, 1, 0.1, OtherHead},
		{"looks at S2 and lowers S", 0.05, 0.1, 0.7, 0.1, -3, SSuppressor},
		{"looks at S, half at each place, and raises it", 0.3, 0.2, 0.2, 0, 2, SMover},
		{"looks at IO and speaks of S", 0.6, 0.1, 0.1, 0.5, -2, OtherHead},
		{"looks nowhere", 0.01, 0.02, 0.02, 2, 0, OtherHead},
	} {
		if got := speaker(c.toIO, c.s1+c.s2, 0.1, c.io, c.s); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}
