package sae

import (
	"math"

	"github.com/golens/golens/model/weights"
)

// ErrPickle: a .pt file holds more than tensors, or is of an older format.
var ErrPickle = weights.ErrPickle

// readTorch reads the tensors of a .pt file; those of nested dictionaries have
// names joined by dots.
func readTorch(name string, data []byte) (tensors, error) {
	read, err := weights.ReadTorch(name, data)
	if err != nil {
		return nil, err
	}
	all := tensors{}
	for _, t := range read {
		all[t.Name] = tensor{t.Shape, t.Values}
	}
	return all, nil
}

// half is a float16.
func half(h uint16) float32 {
	sign, exp, frac := uint32(h>>15), int(h>>10&31), float64(h&1023)
	v := 0.0
	switch exp {
	case 0:
		v = math.Ldexp(frac, -24)
	case 31:
		v = math.Inf(1)
		if frac != 0 {
			v = math.NaN()
		}
	default:
		v = math.Ldexp(1024+frac, exp-25)
	}
	if sign == 1 {
		v = -v
	}
	return float32(v)
}
