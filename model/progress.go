package model

import (
	"context"
	"sync/atomic"
)

// A Progress is told how far long work has come.
type Progress func(done, total int)

// A Download is how far the download of a model is.
type Download struct {
	Model       string // as it is opened
	Done, Total int    // bytes
}

var (
	progress  atomic.Pointer[Progress]
	downloads atomic.Pointer[func(Download)]
	notes     atomic.Pointer[func(string)]
)

// OnProgress sets who is told of the progress of runs in this process, also
// when a model host does the work. Nil means nobody.
func OnProgress(p Progress) {
	if p == nil {
		progress.Store(nil)
		return
	}
	progress.Store(&p)
}

// OnDownload sets who is told of the progress of downloads that opening a model
// needs, also when a model host makes them. Nil means nobody.
func OnDownload(told func(Download)) {
	if told == nil {
		downloads.Store(nil)
		return
	}
	downloads.Store(&told)
}

// OnNote sets who is told what runs in this process say of how they are going, such as
// the loss of a fit, also when a model host does the work. Nil means nobody.
func OnNote(told func(string)) {
	if told == nil {
		notes.Store(nil)
		return
	}
	notes.Store(&told)
}

type (
	progressKey struct{}
	downloadKey struct{}
	noteKey     struct{}
)

// WithProgress is a context whose runs tell p of their progress, instead of
// whom OnProgress has set.
func WithProgress(ctx context.Context, p Progress) context.Context {
	return context.WithValue(ctx, progressKey{}, p)
}

// WithDownload is a context whose downloads tell told of their progress,
// instead of whom OnDownload has set.
func WithDownload(ctx context.Context, told func(Download)) context.Context {
	return context.WithValue(ctx, downloadKey{}, told)
}

// WithNote is a context whose runs tell told how they are going, instead of whom
// OnNote has set.
func WithNote(ctx context.Context, told func(string)) context.Context {
	return context.WithValue(ctx, noteKey{}, told)
}

// Report tells whoever is told of the progress of runs; for work that is made of many.
func Report(ctx context.Context, done, total int) { report(ctx, done, total) }

func report(ctx context.Context, done, total int) {
	if p, ok := ctx.Value(progressKey{}).(Progress); ok {
		p(done, total)
	} else if p := progress.Load(); p != nil {
		(*p)(done, total)
	}
}

func reportDownload(ctx context.Context, d Download) {
	if told, ok := ctx.Value(downloadKey{}).(func(Download)); ok {
		told(d)
	} else if told := downloads.Load(); told != nil {
		(*told)(d)
	}
}

func note(ctx context.Context, text string) {
	if told, ok := ctx.Value(noteKey{}).(func(string)); ok {
		told(text)
	} else if told := notes.Load(); told != nil {
		(*told)(text)
	}
}
