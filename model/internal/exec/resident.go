package exec

import (
	"fmt"
	"sync"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/content"
)

// residentBytes bounds the tensors of formulas that stay on the backend after
// the jobs that brought them. What jobs use at the moment stays in any case.
const residentBytes = 2 << 30

// residents are tensors of formulas on the backend, by content, so that a
// dictionary is brought there once and not with every request.
type residents struct {
	mu    sync.Mutex
	all   map[string]*resident
	bytes int
	tick  int
}

type resident struct {
	*tensors.Tensor
	bytes, users, used int
}

// held are the tensors that a job holds.
type held struct {
	from  *residents
	mine  []*resident
	at    map[*float32]*tensors.Tensor // by where their values lie
	given map[string]*tensors.Tensor   // free ones, by name
}

// of is the tensor of a formula's step.
func (h *held) of(s formula.Step) *tensors.Tensor {
	if s.Values == nil {
		return h.given[s.Name]
	}
	return h.at[&s.Values[0]]
}

// hold brings the tensors of formulas to the backend, until they are let go.
func (e *Engine) hold(edits []hook.Edit, given map[string]*tensors.Tensor) (*held, error) {
	h := &held{from: &e.residents, at: map[*float32]*tensors.Tensor{}, given: given}
	for _, edit := range edits {
		for _, s := range edit.Formula.Tensors() {
			if s.Values == nil || h.at[&s.Values[0]] != nil {
				continue
			}
			r, err := e.residents.take(e, s)
			if err != nil {
				h.release()
				return nil, err
			}
			h.mine, h.at[&s.Values[0]] = append(h.mine, r), r.Tensor
		}
	}
	return h, nil
}

// release lets the tensors go.
func (h *held) release() {
	h.from.mu.Lock()
	defer h.from.mu.Unlock()
	for _, r := range h.mine {
		r.users--
	}
	h.mine = nil
	h.from.evict()
}

func (r *residents) take(e *Engine, s formula.Step) (*resident, error) {
	key := fmt.Sprint(content.NameOf(s.Values), s.Shape)
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.all[key]
	if t == nil {
		x, err := e.tensor(s.Values, s.Shape...)
		if err != nil {
			return nil, fmt.Errorf("tensor %s: %w", s.Name, err)
		}
		t = &resident{Tensor: x, bytes: 4 * len(s.Values)}
		if r.all == nil {
			r.all = map[string]*resident{}
		}
		r.all[key] = t
		r.bytes += t.bytes
	}
	r.tick++
	t.users, t.used = t.users+1, r.tick
	r.evict()
	return t, nil
}

// evict frees what nobody uses, the longest unused first, down to the bound.
func (r *residents) evict() {
	for r.bytes > residentBytes {
		oldest := ""
		for key, t := range r.all {
			if t.users == 0 && (oldest == "" || t.used < r.all[oldest].used) {
				oldest = key
			}
		}
		if oldest == "" {
			return
		}
		r.bytes -= r.all[oldest].bytes
		free(r.all[oldest].Tensor)
		delete(r.all, oldest)
	}
}

// close frees all.
func (r *residents) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.all {
		free(t.Tensor)
	}
	clear(r.all)
	r.bytes = 0
}
