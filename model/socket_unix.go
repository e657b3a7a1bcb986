//go:build unix

package model

import (
	"fmt"
	"os"
	"syscall"
)

// ownSocket returns an error if a host's socket is another user's, root apart:
// whoever listens there reads what is asked, and answers what they like.
func ownSocket(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return nil // to dial it says so
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 && int(st.Uid) != os.Getuid() {
		return fmt.Errorf("the model host's socket %s belongs to user %d: set %s to one of your own", path, st.Uid, SocketEnv)
	}
	return nil
}
