//go:build !linux

package proxy

// waits is always false here: there is no way to see what a process waits for,
// so that %with_inputs is needed, as in GoNB.
func waits(group int, pipe string) bool { return false }
