package exec

// Fewer is fewer.
func (e *Engine) Fewer(batch, live, steps int) int { return e.fewer(batch, live, steps) }

// LeaveSoon makes XLA take rows out of a batch even where it does not pay.
func LeaveSoon() { compileWork = 0 }
