package model

import (
	"context"
	"sync/atomic"
)

// A Progress is told how far long work has come.
type Progress func(done, total int)

var progress atomic.Pointer[Progress]

// OnProgress sets who is told of the progress of runs in this process, also
// when a model host does the work. Nil means nobody.
func OnProgress(p Progress) {
	if p == nil {
		progress.Store(nil)
		return
	}
	progress.Store(&p)
}

type progressKey struct{}

// WithProgress is a context whose runs tell p of their progress, instead of
// whom OnProgress has set.
func WithProgress(ctx context.Context, p Progress) context.Context {
	return context.WithValue(ctx, progressKey{}, p)
}

func report(ctx context.Context, done, total int) {
	if p, ok := ctx.Value(progressKey{}).(Progress); ok {
		p(done, total)
	} else if p := progress.Load(); p != nil {
		(*p)(done, total)
	}
}
