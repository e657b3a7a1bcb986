//go:build !linux

package nb

import "time"

// settle gives the kernel time to read what this program has printed, so that a
// display sent next comes after it: there is no way to ask how much is unread.
func settle() { time.Sleep(2 * time.Millisecond) }
