package tally

import (
	"fmt"
	"math"

	"github.com/golens/golens/model/hook"
)

// A Kind says what a reducer keeps of each unit.
type Kind string

// The kinds.
const (
	// Moments keeps how many values there were, their sum, the sum of their squares,
	// the smallest and the largest.
	Moments Kind = "moments"
	// Above counts the values above Threshold.
	Above Kind = "above"
	// Histogram counts the values in Bins equal bins from Low to High, and those
	// below and above.
	Histogram Kind = "histogram"
	// Covariance keeps the sums of products of all pairs of units, beside Moments.
	Covariance Kind = "covariance"
	// Top keeps the K largest values, with the row and the position where they stood.
	Top Kind = "top"
	// Grams counts by which N tokens, the position's last, a unit is above Threshold.
	// A unit for which there are more than K of them is over, and its counts are
	// dropped: what fires on anything is not counted by the million.
	Grams Kind = "grams"
)

// A Group says by what a reducer keeps units apart.
type Group string

// The groups.
const (
	All        Group = ""         // everything together
	ByPosition Group = "position" // of the row
	ByToken    Group = "token"    // at the position
	ByLabel    Group = "label"    // of the row
)

// A Reducer says what is kept of an activation.
type Reducer struct {
	Point hook.Point // heads, coordinates and positions may be selected; scores and patterns may not
	Kind  Kind
	By    Group `json:",omitempty"`

	// Tokens are those that ByToken keeps apart, in this order; nil for the whole
	// vocabulary. Positions of other tokens are left out.
	Tokens []int32 `json:",omitempty"`

	Threshold float32 `json:",omitempty"` // of Above
	Low       float32 `json:",omitempty"` // of Histogram
	High      float32 `json:",omitempty"`
	Bins      int     `json:",omitempty"` // of Histogram, at least 1
	K         int     `json:",omitempty"` // of Top and Grams, at least 1
	N         int     `json:",omitempty"` // of Grams, 1 to 3
}

// String names the reducer.
func (r Reducer) String() string {
	s := fmt.Sprintf("%s of %s", r.Kind, r.Point)
	if r.By != All {
		s += " by " + string(r.By)
	}
	return s
}

// Check finds what is wrong with the reducer itself.
func (r Reducer) Check() error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("tally: %s: %s", r, fmt.Sprintf(format, args...))
	}
	switch r.By {
	case All, ByPosition, ByToken, ByLabel:
	default:
		return fail("it cannot be kept apart by %q; by position, token or label", r.By)
	}
	if r.Tokens != nil && r.By != ByToken {
		return fail("%d tokens are named, and it is not kept apart by token", len(r.Tokens))
	}
	if r.Point.Batch != nil {
		return fail("rows are not selected by number; leave them out of the corpus")
	}
	if k := r.Point.Kind; k == hook.KindScores || k == hook.KindPattern {
		return fail("its keys differ between rows; tally what is made of it, such as z")
	}
	switch r.Kind {
	case Moments, Above, Covariance:
		if r.Threshold != r.Threshold {
			return fail("the threshold is NaN")
		}
	case Histogram:
		if r.Bins < 1 || !(r.Low < r.High) || math.IsInf(float64(r.High-r.Low), 0) {
			return fail("%d bins from %g to %g; at least one, between two numbers that rise", r.Bins, r.Low, r.High)
		}
	case Top:
		if r.K < 1 {
			return fail("the %d largest; at least one", r.K)
		}
	case Grams:
		if r.By != All || r.K < 1 || r.N < 1 || r.N > 3 || r.Threshold != r.Threshold {
			return fail("at most %d different ones of %d tokens, apart by %q; at least one, of 1 to 3 tokens, of everything together", r.K, r.N, r.By)
		}
	default:
		return fail("nothing is kept; known are moments, above, histogram, covariance, top and grams")
	}
	return nil
}

// Bytes is what a state of the reducer takes, for so many units and groups.
func (r Reducer) Bytes(units, groups int) int64 {
	u, g := int64(units), int64(groups)
	switch r.Kind {
	case Above:
		return g * (8*u + 16)
	case Histogram:
		return g * u * 8 * int64(r.Bins+2)
	case Covariance:
		return g*u*momentBytes + 8*g*u*u
	case Top:
		return g * u * int64(r.K) * 24
	case Grams:
		return u * int64(r.K) * 16
	}
	return g * u * momentBytes
}

// MaxGramToken bounds the ids of tokens that are counted by N of them.
const MaxGramToken = 1 << 21

// KeyOf is the key under which tokens are counted, the last one last.
func KeyOf(tokens ...int32) int64 {
	key := int64(0)
	for _, id := range tokens {
		key = key<<21 | int64(id)
	}
	return key
}

// TokensOf are the n tokens of a key.
func TokensOf(key int64, n int) []int32 {
	tokens := make([]int32, n)
	for i := n - 1; i >= 0; i-- {
		tokens[i], key = int32(key&(MaxGramToken-1)), key>>21
	}
	return tokens
}

const momentBytes = 8 + 4*8 + 2*4
