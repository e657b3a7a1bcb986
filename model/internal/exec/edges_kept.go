package exec

import (
	"fmt"
	"sync"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/internal/plan"
)

// keptBytes bounds what base and reference runs of edges leave for the next job.
const keptBytes = 512 << 20

// A kept is the base and reference runs of the last EdgeJob, for the next one whose key
// is the same: searches ask for subgraphs of the same rows again and again. A job has
// it for itself until it ends.
type kept struct {
	key   string
	mean  *traced
	mu    sync.Mutex
	runs  map[int]*traced // by the first row of the chunk
	bytes int64
}

// take is what was kept for a job, or room for it.
func (e *Engine) takeKept(p *plan.Edges) *kept {
	key := fmt.Sprint(p.Key, p.Rows.Batch, p.Rows.Width)
	e.mu.Lock()
	k := e.kept
	e.kept = nil
	e.mu.Unlock()
	if k != nil && k.key == key && p.Key != "" {
		return k
	}
	k.free()
	return &kept{key: key, runs: map[int]*traced{}}
}

// putKept keeps what a job leaves.
func (e *Engine) putKept(k *kept) {
	e.mu.Lock()
	k, e.kept = e.kept, k
	e.mu.Unlock()
	k.free()
}

func (k *kept) free() {
	if k == nil {
		return
	}
	for _, r := range k.runs {
		r.free()
	}
	k.mean.free()
}

// of is the run of a chunk of rows, if there is one.
func (k *kept) of(rows plan.Chunk) *traced {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.runs[rows.Rows[0].Index]
}

// keep keeps a run if there is room, and tells whether it does.
func (k *kept) keep(rows plan.Chunk, r *traced) bool {
	n := r.bytes()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.bytes+n > keptBytes {
		return false
	}
	k.bytes += n
	k.runs[rows.Rows[0].Index] = r
	r.chunk.close()
	r.chunk = nil
	return true
}

// bytes are those of a run, whose senders will lie side by side too, and of its reference
// if no other run has it.
func (r *traced) bytes() (n int64) {
	for _, list := range [][]*tensors.Tensor{r.resid, r.groups, r.groups, r.mid} {
		for _, t := range list {
			n += t.ByteSize()
		}
	}
	if r.reference != nil && !r.shared {
		n += r.reference.bytes()
	}
	return n
}
