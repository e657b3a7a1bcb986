package causal

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
)

// A Split says which pairs an alignment is found on and which it is tested on. No input
// of the one is in the other.
type Split struct {
	HeldOut float64 // share of the inputs that are held out; 0 means a quarter
	Pairs   int     // to find on, drawn; 0 means 512, or all if there are fewer. A third as many are tested, 128 at least if there are so many
	Seed    uint64
}

// pairs of inputs [train, held-out].
func (s Split) pairs(d *Data) (out [2][]Pair, err error) {
	share, most := cmp.Or(s.HeldOut, .25), cmp.Or(s.Pairs, 512)
	if share <= 0 || share >= 1 || most < 1 {
		return out, fmt.Errorf("a share of %g held out and %d pairs; the share lies between 0 and 1, and one pair is the least", share, most)
	}
	rng := rand.New(rand.NewPCG(s.Seed, 3))
	order := rng.Perm(len(d.Inputs))
	cut := len(order) - int(share*float64(len(order)))
	for side, inputs := range [2][]int{order[:cut], order[cut:]} {
		var all []Pair
		for _, b := range inputs {
			for _, s := range inputs {
				if b != s && len(d.Prompts.IDs[b]) == len(d.Prompts.IDs[s]) {
					all = append(all, Pair{b, s})
				}
			}
		}
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		n := most
		if side == 1 {
			n = max(128, most/3)
		}
		out[side] = all[:min(n, len(all))]
	}
	if len(out[0]) == 0 || len(out[1]) == 0 {
		return out, errors.New("too few inputs of one length for pairs to find on and others to test on")
	}
	return out, nil
}

// sides names what a split has.
var sides = []string{"train", "held out"}
