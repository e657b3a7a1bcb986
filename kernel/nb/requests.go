package nb

import (
	"sync"
	"time"

	"github.com/golens/golens/model"
)

func init() {
	r := &requests{}
	model.OnProgress(r.tell)
	model.OnDownload(r.download)
	model.OnNote(r.note)
}

// requests draws the progress of a cell's requests to the model, and of the
// downloads that opening it needs, one after another, as one bar in one place.
type requests struct {
	mu      sync.Mutex
	bar     *Bar
	done    int       // of the request under way
	earlier int       // done by the requests before it of the same work
	last    time.Time // when a request told of itself
}

// tell takes what a request reports of itself. Reports do not say which request
// they belong to: one that goes back is the beginning of the next. A search asks
// many, each too short for a bar: those of one name that follow one another are
// one work, whose total grows with each.
func (r *requests) tell(done, total int) { r.show(work(), steps, 0, done, total) }

// note takes what a request says of how it is going.
func (r *requests) note(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bar != nil {
		r.bar.Note(text)
	}
}

// download takes what opening a model reports of its download.
func (r *requests) download(d model.Download) { r.show(d.Model, megabytes, d.Done, d.Done, d.Total) }

// show draws work that has come to done of total steps, of which before were
// done when it was first told of.
func (r *requests) show(label string, u unit, before, done, total int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch next := r.bar != nil && (r.bar.ended || done < r.done); {
	case r.bar == nil:
		r.bar = Progress(label, total)
		r.bar.unit, r.bar.before = u, before
	case next && r.bar.label == label && u == steps && time.Since(r.last) < pause:
		r.earlier += r.done
		r.bar.ended = false
	case next, r.bar.label != label:
		r.earlier = 0
		r.bar.again(label, u, before, total)
	}
	r.done, r.last = done, time.Now()
	r.bar.SetTotal(r.earlier + total)
	r.bar.Set(r.earlier + done)
	if done >= total {
		r.bar.End()
	}
}

// pause is the longest time between two requests of one work.
const pause = time.Second

// again begins new work at the place of b.
func (b *Bar) again(label string, u unit, before, total int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.label, b.unit, b.note, b.before, b.total, b.done, b.ended = label, u, "", before, total, 0, false
	b.start, b.last = time.Now(), time.Time{}
}
