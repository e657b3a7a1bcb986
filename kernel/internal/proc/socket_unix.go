//go:build unix

package proc

import (
	"net"
	"sync"
	"syscall"
)

var umask sync.Mutex

// ListenUnix makes a unix socket at path that this user alone can open, from
// its first moment on.
func ListenUnix(path string) (*net.UnixListener, error) {
	umask.Lock()
	defer umask.Unlock()
	old := syscall.Umask(0o177)
	defer syscall.Umask(old)
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
}
