//go:build !linux

package proxy

// seesWaiting: on this system nobody sees what a process waits for.
const seesWaiting = false

// waits is always true here: a cell that speaks of input is asked for a line, and
// for the next once it has one.
func waits(group int, pipe string) bool { return true }
