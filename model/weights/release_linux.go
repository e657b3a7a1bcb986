package weights

import (
	"os"
	"syscall"
	"unsafe"
)

// release gives back the pages that lie as a whole in a part of a map.
func release(b []byte) {
	page := uintptr(os.Getpagesize())
	at := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	from, to := (page-at%page)%page, uintptr(len(b))
	if from >= to {
		return
	}
	if to -= (at + to) % page; from < to {
		_ = syscall.Madvise(b[from:to], syscall.MADV_DONTNEED) // an advice: without it the memory stays counted
	}
}
