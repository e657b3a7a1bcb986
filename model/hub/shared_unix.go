//go:build unix

package hub

import (
	"io/fs"
	"os"
	"syscall"
)

// begun opens the file in which a download goes on, new or not. It is nil if that
// cannot be had or, in a cache that others write to, is not to be used: a link, or
// another name of a file, may lead to one of the user's; whoever owns the file may
// change it when it is whole and checked; a pipe holds nothing. A device is no
// stranger's: only root makes them.
func begun(path string) *os.File {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o666)
	if err != nil {
		return nil
	}
	info, err := f.Stat()
	if err == nil && ours(info) && (info.Mode().IsRegular() && info.Sys().(*syscall.Stat_t).Nlink == 1 || info.Mode()&os.ModeDevice != 0) {
		return f
	}
	f.Close()
	return nil
}

// ours tells whether a file is the user's or root's.
func ours(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && (st.Uid == 0 || int(st.Uid) == os.Getuid())
}
