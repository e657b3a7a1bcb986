// Package crew runs goroutines whose panics do not end the process: a model
// host keeps its models whatever one computation does.
package crew

import (
	"fmt"
	"sync"
)

// Catch calls f and turns a panic into an error.
func Catch(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error: %v", p)
		}
	}()
	return f()
}

// Group is a sync.WaitGroup that hands the first panic of its goroutines to
// whoever waits for them.
type Group struct {
	wg    sync.WaitGroup
	once  sync.Once
	panic any
}

// Go calls f in a goroutine.
func (g *Group) Go(f func()) {
	g.wg.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				g.once.Do(func() { g.panic = p })
			}
		}()
		f()
	})
}

// Wait waits for all goroutines. It panics if one of them did.
func (g *Group) Wait() {
	g.wg.Wait()
	if g.panic != nil {
		panic(g.panic)
	}
}
