package exec

import "testing"

// Fewer is fewer.
func (e *Engine) Fewer(batch, live, steps int) int { return e.fewer(batch, live, steps) }

// LeaveSoon makes XLA take rows out of a batch even where it does not pay, in a test.
func LeaveSoon(t *testing.T) {
	before := compileWork
	compileWork = 0
	t.Cleanup(func() { compileWork = before })
}

// AtCall does something after each call of a graph, in a test.
func AtCall(do func()) { atCall = do }
