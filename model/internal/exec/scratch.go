package exec

import (
	"cmp"
	"sync"

	"github.com/golens/golens/model/internal/plan"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
)

// element is what a tensor may hold.
type element interface{ float32 | int32 | bool }

// fill makes a tensor that the host writes, from zeros on, in the backend's own
// memory where the backend shares it.
func fill[T element](e *Engine, write func(x []T), dims ...int) (*tensors.Tensor, error) {
	shape := shapes.Make(dtypes.FromGenericsType[T](), dims...)
	if !e.Backend.HasSharedBuffers() {
		values := make([]T, shape.Size())
		write(values)
		return e.tensor(values, dims...)
	}
	t, err := tensors.FromShapeForBackend(e.Backend.Backend, 0, shape)
	if err != nil {
		return nil, err
	}
	if err := tensors.MutableFlatData(t, write); err != nil {
		free(t)
		return nil, err
	}
	return t, nil
}

// A scratch is the inputs that chunks fill. On the Go backend what is freed would
// wait for the collector, so tensors are kept for the next input of their shape;
// elsewhere freeing is at once, unless they are so large that fresh pages cost more
// than what fills them.
type scratch struct {
	*Engine
	keep bool
	mu   sync.Mutex
	of   *plan.Group                  // whose chunks used them last
	kept map[string][]*tensors.Tensor // by shape
}

func newScratch(e *Engine) *scratch {
	return &scratch{Engine: e, keep: e.Backend.Go(), kept: map[string][]*tensors.Tensor{}}
}

// serve forgets the inputs of other groups, whose shapes differ.
func (s *scratch) serve(g *plan.Group) {
	s.mu.Lock()
	other := s.of != g
	s.of = g
	s.mu.Unlock()
	if other {
		s.close()
	}
}

// reuse is [fill], in a tensor that was given back if there is one.
func reuse[T element](s *scratch, write func(x []T), dims ...int) (*tensors.Tensor, error) {
	return over(s, func(x []T) { clear(x); write(x) }, dims...)
}

// over is reuse whose function finds what the tensor held before.
func over[T element](s *scratch, write func(x []T), dims ...int) (*tensors.Tensor, error) {
	shape := shapes.Make(dtypes.FromGenericsType[T](), dims...)
	s.mu.Lock()
	list := s.kept[shape.String()]
	var t *tensors.Tensor
	if n := len(list); n > 0 {
		t, s.kept[shape.String()] = list[n-1], list[:n-1]
	}
	s.mu.Unlock()
	if t == nil {
		return fill(s.Engine, write, dims...)
	}
	if err := tensors.MutableFlatData(t, write); err != nil {
		free(t)
		return nil, err
	}
	return t, nil
}

// fillBoth fills two tensors of the same lengths together.
func fillBoth[T, U element](s *scratch, write func(x []T, y []U), xDims, yDims []int) (_, _ *tensors.Tensor, _ error) {
	var y *tensors.Tensor
	var bad error
	x, err := reuse(s, func(x []T) {
		y, bad = reuse(s, func(y []U) { write(x, y) }, yDims...)
	}, xDims...)
	if err := cmp.Or(err, bad); err != nil {
		free(x, y)
		return nil, nil, err
	}
	return x, y, nil
}

// back gives tensors back that no call reads any more.
func (s *scratch) back(ts ...*tensors.Tensor) {
	if !s.keep {
		free(ts...)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range ts {
		if t != nil {
			key := t.Shape().String()
			s.kept[key] = append(s.kept[key], t)
		}
	}
}

// close frees what is kept.
func (s *scratch) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, list := range s.kept {
		free(list...)
	}
	clear(s.kept)
}
