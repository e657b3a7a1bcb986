package place

import "github.com/golens/golens/model/hook"

// Spread visits the selected values that the tensor holds, with their offset in
// the row's part of it and the edit's value there, broadcast as numpy does. kept
// is the row's whole activation in another run, from which the values come, or
// nil if the edit brings its own.
func (s Selection) Spread(e hook.Edit, kept []float32, visit func(at int, value float32)) {
	steps := broadcast(e.Shape, len(s.whole)+1)
	local, whole := s.last()
	s.Walk(func(index []int, at, in int) {
		if at < 0 {
			return
		}
		from := s.Rank * steps[0]
		for i, k := range index {
			from += k * steps[i+1]
		}
		for k, i := range local {
			if i < 0 {
				continue
			}
			var value float32
			switch {
			case kept != nil:
				value = kept[in+whole[k]]
			case len(e.Values) > 0:
				value = e.Values[from+k*steps[len(steps)-1]]
			}
			visit(at+i, value)
		}
	})
}

// Put copies the selected values of a whole activation into the row's part of
// the tensor.
func (s Selection) Put(tensor, kept []float32) {
	local, whole := s.last()
	run := min(leading(local), leading(whole))
	s.Walk(func(_ []int, to, from int) {
		if to < 0 {
			return
		}
		copy(tensor[to:][:run], kept[from:])
		for k := run; k < len(local); k++ {
			if local[k] >= 0 {
				tensor[to+local[k]] = kept[from+whole[k]]
			}
		}
	})
}

// Gather copies the selected values that the tensor holds to an array that a
// capture fills, whose axes have the lengths of shape, the rows that the point
// selects first. Others stay as they are.
func (s Selection) Gather(tensor, array []float32, shape []int) {
	steps := Strides(shape)
	local, _ := s.last()
	run := leading(local)
	s.Walk(func(index []int, from, _ int) {
		if from < 0 {
			return
		}
		to := s.Rank * steps[0]
		for i, k := range index {
			to += k * steps[i+1]
		}
		copy(array[to:][:run], tensor[from:])
		for k := run; k < len(local); k++ {
			if local[k] >= 0 {
				array[to+k] = tensor[from+local[k]]
			}
		}
	})
}

// Plain is the selected values where they lie in the tensor as an array of them would
// hold them: the first positions, and all on the other axes. Otherwise it is nil.
func (s Selection) Plain(tensor []float32) []float32 {
	n := 1
	for i, local := range s.local {
		if leading(local) < len(local) || i > 0 && len(local) < s.dims[0][i] {
			return nil
		}
		n *= len(local)
	}
	return tensor[:n]
}

// Sum is the sum of the selected values times the edit's. Those that the tensor
// does not hold are taken from the row's whole activation in another run, if
// kept is not nil.
func (s Selection) Sum(e hook.Edit, tensor, kept []float32) float64 {
	steps := broadcast(e.Shape, len(s.whole)+1)
	local, whole := s.last()
	sum := 0.0
	s.Walk(func(index []int, at, in int) {
		from := s.Rank * steps[0]
		for i, k := range index {
			from += k * steps[i+1]
		}
		for k, i := range local {
			var value float32
			switch {
			case at >= 0 && i >= 0:
				value = tensor[at+i]
			case kept != nil:
				value = kept[in+whole[k]]
			}
			sum += float64(value) * float64(e.Values[from+k*steps[len(steps)-1]])
		}
	})
	return sum
}

// broadcast are the strides of a shape aligned at the last of rank axes, zero
// where it repeats.
func broadcast(shape []int, rank int) []int {
	out := make([]int, rank)
	own := Strides(shape)
	for i := range shape {
		if shape[i] > 1 {
			out[rank-len(shape)+i] = own[i]
		}
	}
	return out
}

// leading is how many of the indices are 0, 1, 2 and so on.
func leading(indices []int) int {
	for i, at := range indices {
		if at != i {
			return i
		}
	}
	return len(indices)
}
