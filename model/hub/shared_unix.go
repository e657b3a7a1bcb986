//go:build unix

package hub

import (
	"io/fs"
	"os"
	"syscall"
)

// noFollow refuses links where a file is opened to be written to: in a cache
// that others write to, a link may lead to a file of the user's.
const noFollow = syscall.O_NOFOLLOW

// ours tells whether a file is the user's or root's.
func ours(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && (st.Uid == 0 || int(st.Uid) == os.Getuid())
}
