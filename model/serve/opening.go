//go:build !golens_cell

package serve

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/golens/golens/model"
)

// opening is a model that is open or being opened.
type opening struct {
	ready  chan struct{}
	runner model.Runner
	err    error

	download atomic.Pointer[model.Download] // how far it is, if there is one
	waiting  int                            // requests, counted under the host's mutex
	cancel   context.CancelFunc             // of the download
}

// look is how often a request that waits for a model looks how far it is.
const look = 200 * time.Millisecond

// runner opens a model at its first use. A download goes on while any request
// waits for it; the one who asks for the model again goes on with it. With anew,
// a model whose files have changed since is opened again.
func (h *Host) runner(ctx context.Context, name string, p model.Processing, anew bool, tell func(model.Download)) (model.Runner, error) {
	for {
		o := h.opening(name, anew)
		err := o.wait(ctx, tell)
		h.mu.Lock()
		if o.waiting--; o.waiting == 0 {
			o.cancel() // no more than a release once the model is open
		}
		h.mu.Unlock()
		switch {
		case err == nil:
			return o.runner.Process(ctx, p)
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !errors.Is(err, context.Canceled): // by those who waited before
			return nil, err
		}
	}
}

// opening is the opening of a model, begun if nobody did, with one more request
// that waits for it.
func (h *Host) opening(name string, anew bool) *opening {
	h.mu.Lock()
	defer h.mu.Unlock()
	o := h.models[name]
	if o == nil || anew && o.stale() {
		o = &opening{ready: make(chan struct{})}
		h.models[name] = o
		ctx, cancel := context.WithCancel(context.Background())
		o.cancel = cancel
		go func() {
			defer close(o.ready)
			ctx := model.WithDownload(ctx, func(d model.Download) { o.download.Store(&d) })
			if o.runner, o.err = open(ctx, name); o.err != nil {
				h.mu.Lock()
				if h.models[name] == o {
					delete(h.models, name) // so that the next cell may try again
				}
				h.mu.Unlock()
			}
		}()
	}
	o.waiting++
	return o
}

// stale tells whether the model is open and its files have changed since.
func (o *opening) stale() bool {
	select {
	case <-o.ready:
		files, ok := o.runner.(interface{ Current() bool })
		return ok && !files.Current()
	default:
		return false
	}
}

// wait waits for the model and tells of its download meanwhile.
func (o *opening) wait(ctx context.Context, tell func(model.Download)) error {
	select {
	case <-o.ready: // resident
		return o.err
	default:
	}
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	var last *model.Download
	news := func() {
		if d := o.download.Load(); d != nil && d != last {
			last = d
			tell(*d)
		}
	}
	for {
		select {
		case <-o.ready:
			news()
			return o.err
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			news()
		}
	}
}

func open(ctx context.Context, name string) (r model.Runner, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error: %v", p)
		}
	}()
	if r, err = model.OpenLocal(ctx, name); err != nil {
		return nil, err
	}
	dealt, err := model.Clustered(ctx, r)
	if err != nil {
		r.Close()
	}
	return dealt, err
}
