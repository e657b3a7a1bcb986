package neuron

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Information is that of whether a neuron fires and where, in nats, by its firing rate
// at each position: the mean over positions of the divergence of the rate there from
// the rate overall. 0 says that position does not matter; ln 2 that it decides, half of
// the time.
//
// Source: Voita et al. 2023, section 5.
func Information(rates []float64) float64 {
	mean := 0.0
	for _, f := range rates {
		mean += f / float64(len(rates))
	}
	part := func(p, q float64) float64 {
		if p == 0 {
			return 0
		}
		return p * math.Log(p/q)
	}
	sum := 0.0
	for _, f := range rates {
		sum += part(f, mean) + part(1-f, 1-mean)
	}
	return sum / float64(len(rates))
}

// positional is the information above which a neuron is called positional.
const positional = 0.05

// A Pattern is how firing goes with position.
type Pattern string

// The patterns, after the paper's, which shows them and gives no rule; ours is in
// [PatternOf].
const (
	Oscillatory  Pattern = "oscillatory"   // up and down several times
	BothExtremes Pattern = "both extremes" // always somewhere, never elsewhere
	OneExtreme   Pattern = "one extreme"   // always, or never, somewhere
	OtherPattern Pattern = "other"
)

// A Positional is a neuron whose firing depends on position.
type Positional struct {
	Unit
	Information float64 // nats
	Pattern     Pattern
	Strong      bool // the extremes, or the waves, reach 0.05 and 0.95; else 0.25 and 0.75
}

// String names the neuron and its pattern.
func (p Positional) String() string {
	how := "weak"
	if p.Strong {
		how = "strong"
	}
	return fmt.Sprintf("%s: %s, %s (%.3f nats)", p.Unit, p.Pattern, how, p.Information)
}

// Positional are the neurons whose information is above a bound, 0 for the paper's
// 0.05, most first.
func (s *Stats) Positional(bound float64) (all []Positional) {
	if bound == 0 {
		bound = positional
	}
	if s.Information == nil {
		return nil
	}
	for _, u := range s.units(func(l, n int) bool { return s.Information.At(l, n) > bound }) {
		p := Positional{Unit: u, Information: s.Information.At(u.Layer, u.Neuron)}
		p.Pattern, p.Strong = PatternOf(s.RatesOf(u))
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(a, b Positional) int { return cmp.Compare(b.Information, a.Information) })
	return all
}

// RatesOf are a neuron's firing rates at each position; nil if none were kept, or there
// is no such neuron.
func (s *Stats) RatesOf(u Unit) []float64 {
	if s.ByPosition == nil || !s.has(u) {
		return nil
	}
	rates := make([]float64, s.ByPosition.Dim("pos"))
	for p := range rates {
		rates[p] = s.ByPosition.At(u.Layer, u.Neuron, p)
	}
	return rates
}

// PatternOf is the pattern of firing rates by position, after they are smoothed over a
// 32nd of the positions: oscillatory if they cross the middle of their range at least
// four times and go a quarter of it beyond on both sides in between; else by whether
// they reach 0.25 or less and 0.75 or more, strong if 0.05 and 0.95.
func PatternOf(rates []float64) (p Pattern, strong bool) {
	if len(rates) == 0 {
		return OtherPattern, false
	}
	x := smooth(rates, max(1, len(rates)/32))
	low, high := slices.Min(x), slices.Max(x)
	swings, side := 0, 0
	for _, f := range x {
		now := 0
		switch middle, half := (low+high)/2, (high-low)/4; {
		case f > middle+half:
			now = 1
		case f < middle-half:
			now = -1
		}
		if now != 0 && now != side {
			if side != 0 {
				swings++
			}
			side = now
		}
	}
	switch {
	case swings >= 4:
		return Oscillatory, low <= 0.05 && high >= 0.95
	case low <= 0.25 && high >= 0.75:
		return BothExtremes, low <= 0.05 && high >= 0.95
	case low <= 0.25 || high >= 0.75:
		return OneExtreme, low <= 0.05 || high >= 0.95
	}
	return OtherPattern, false
}

// smooth is the mean over so many values around each.
func smooth(x []float64, n int) []float64 {
	out := make([]float64, len(x))
	for i := range x {
		from, to := max(0, i-n/2), min(len(x), i-n/2+n)
		for _, v := range x[from:max(to, from+1)] {
			out[i] += v / float64(max(to, from+1)-from)
		}
	}
	return out
}
