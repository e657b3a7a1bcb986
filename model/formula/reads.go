package formula

import "slices"

// Activations are the names of the activations that the formula reads beside the
// one at its point, each once.
func (e Expr) Activations() []string {
	var names []string
	for _, s := range e.Steps {
		if s.Op == OpAt && !slices.Contains(names, s.Name) {
			names = append(names, s.Name)
		}
	}
	return names
}

// Has tells whether some step is of that operation.
func (e Expr) Has(op Op) bool {
	return slices.ContainsFunc(e.Steps, func(s Step) bool { return s.Op == op })
}

// Tensors are the tensors of the formula, each once.
func (e Expr) Tensors() []Step {
	var all []Step
	for _, s := range e.Steps {
		if s.Op == OpTensor && !slices.ContainsFunc(all, s.equal) {
			all = append(all, s)
		}
	}
	return all
}

// Same tells whether the formula's value is the activation as it was: it is there
// for its labels alone.
func (e Expr) Same() bool {
	i := len(e.Steps) - 1
	for i >= 0 && (e.Steps[i].Op == OpWith || e.Steps[i].Op == OpLabel) {
		i = e.Steps[i].Args[0]
	}
	return i >= 0 && e.Steps[i].Op == OpHere
}
