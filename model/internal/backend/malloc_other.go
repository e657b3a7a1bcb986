//go:build !linux || !cgo || noxla || !(amd64 || arm64)

package backend

import "runtime/debug"

// GiveBack gives the memory that is free to the system.
func GiveBack() { debug.FreeOSMemory() }
