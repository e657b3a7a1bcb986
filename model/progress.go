package model

import "sync/atomic"

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

func report(done, total int) {
	if p := progress.Load(); p != nil {
		(*p)(done, total)
	}
}
