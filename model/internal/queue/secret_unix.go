//go:build unix

package queue

import (
	"io/fs"
	"os"
	"syscall"
)

// mine tells whether a file belongs to this process's user.
func mine(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return !ok || int(st.Uid) == os.Geteuid()
}
