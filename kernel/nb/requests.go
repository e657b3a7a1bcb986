package nb

import (
	"sync"
	"time"

	"github.com/golens/golens/model"
)

func init() { model.OnProgress((&requests{}).tell) }

// requests draws the progress of a cell's requests to the model, one after
// another, as one bar in one place.
type requests struct {
	mu   sync.Mutex
	bar  *Bar
	done int
}

// tell takes what a request reports of itself. Reports do not say which request
// they belong to: one that goes back is the beginning of the next.
func (r *requests) tell(done, total int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bar == nil {
		r.bar = Progress("model", total)
	} else if r.bar.ended || done < r.done {
		r.bar.again(total)
	}
	r.done = done
	r.bar.SetTotal(total)
	r.bar.Set(done)
	if done >= total {
		r.bar.End()
	}
}

// again begins new work at the place of b.
func (b *Bar) again(total int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total, b.done, b.ended = total, 0, false
	b.start, b.last = time.Now(), time.Time{}
}
