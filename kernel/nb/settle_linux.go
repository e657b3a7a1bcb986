package nb

import (
	"syscall"
	"time"
	"unsafe"
)

// Output and displays reach the kernel by different ways. settle waits until
// the kernel has read what this program has printed, so that a display sent
// next comes after it. It waits at most settleLimit: a kernel that does not
// read is no reason to hang.
const (
	settleLimit = 200 * time.Millisecond
	settlePause = 200 * time.Microsecond // a kernel that waits for output reads within tens of microseconds
)

func settle() {
	deadline := time.Now().Add(settleLimit)
	waited := false
	for unread(1)+unread(2) > 0 && time.Now().Before(deadline) {
		time.Sleep(settlePause)
		waited = true
	}
	if waited {
		// The kernel has read the last bytes and is passing them on.
		time.Sleep(5 * settlePause)
	}
}

// unread returns how many bytes lie unread in the pipe behind fd, 0 if it is no
// pipe.
func unread(fd uintptr) int {
	var st syscall.Stat_t
	if syscall.Fstat(int(fd), &st) != nil || st.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		return 0
	}
	var n int32
	const fionread = 0x541B // FIONREAD; the same on every Linux port of Go but mips and ppc64
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, fionread, uintptr(unsafe.Pointer(&n))); errno != 0 {
		return 0
	}
	return int(n)
}
