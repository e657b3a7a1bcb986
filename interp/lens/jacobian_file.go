package lens

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/weights"
)

// Save writes the lens to a safetensors file: J.LAYER of each block, and n_prompts.
func (j *Jacobian) Save(path string) error {
	tensors := []weights.Tensor{{Name: "n_prompts", Shape: []int{1}, Values: []float32{float32(j.Prompts)}}}
	for l, a := range j.J {
		if a != nil {
			tensors = append(tensors, weights.Tensor{Name: fmt.Sprint("J.", l), Shape: a.Shape(), Values: a.Values()})
		}
	}
	if err := weights.Write(path, "F32", tensors); err != nil {
		return fmt.Errorf("Jacobian lens: %w", err)
	}
	return nil
}

// OpenJacobian reads what [Jacobian.Save] wrote, or a published .pt file, whose J are by
// layer. Layers are how many blocks the model has.
func OpenJacobian(path string, layers int) (*Jacobian, error) {
	j, err := openJacobian(path, layers)
	if err != nil {
		return nil, fmt.Errorf("Jacobian lens: %w", err)
	}
	return j, nil
}

func openJacobian(path string, layers int) (*Jacobian, error) {
	j := &Jacobian{J: make([]*array.Array, layers)}
	open := weights.Open
	if filepath.Ext(path) == ".pt" {
		open = weights.OpenTorch
		numbers, err := weights.TorchNumbers(path)
		if err != nil {
			return nil, err
		}
		j.Prompts = int(numbers["n_prompts"])
	}
	store, err := open(path)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	for _, name := range store.Names() {
		shape, values, err := store.Float32(name)
		if err != nil {
			return nil, err
		}
		if name == "n_prompts" && len(values) == 1 {
			j.Prompts = int(values[0])
		}
		number, is := strings.CutPrefix(name, "J.")
		if !is {
			continue
		}
		l, err := strconv.Atoi(number)
		if err != nil || l < 0 || l >= layers || len(shape) != 2 || shape[0] != shape[1] {
			return nil, fmt.Errorf("%s: tensor %s %v is of no block of a model of %d layers", path, name, shape, layers)
		}
		// A copy: values may lie in the file, which is closed.
		j.J[l] = array.Of(append([]float32(nil), values...), array.Dim("out", shape[0]), array.Dim("in", shape[1]))
	}
	for _, a := range j.J {
		if a != nil {
			return j, nil
		}
	}
	return nil, fmt.Errorf("%s: it has no J.LAYER, as Jacobian lenses do", path)
}
