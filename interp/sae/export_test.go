package sae

import (
	"os"

	"gonum.org/v1/gonum/mat"
)

// ReadTorch is the values of the tensors of a .pt file.
func ReadTorch(path string) (map[string][]float32, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	t, err := readTorch(path, data)
	out := map[string][]float32{}
	for n, x := range t {
		out[n] = x.values
	}
	return out, err
}

// ReadTorchBytes reads a .pt file in memory.
func ReadTorchBytes(data []byte) { readTorch("a file", data) }

// ProbeOn probes examples that were collected: activations [text, d_in] and features
// [text, feature].
func (p Probing) ProbeOn(d *Dictionary, x, f *mat.Dense) (*Probed, []*Probed, error) {
	return p.on(&examples{d, x, f})
}
