//go:build cgo && !noxla && (amd64 || arm64)

package backend

/*
#include <malloc.h>

// hold makes the C library keep large blocks that are freed for the next ones, in one
// arena for all threads.
static void hold(void) {
#ifdef __GLIBC__
	mallopt(M_MMAP_THRESHOLD, 1 << 30);
	mallopt(M_TRIM_THRESHOLD, 0x7fffffff);
	mallopt(M_TOP_PAD, 64 << 20);
	mallopt(M_ARENA_MAX, 1);
#endif
}
*/
import "C"

// holdMemory spares XLA on a CPU the fresh pages of each of its buffers: the system
// zeroes them at every call, which took longer than most calls that use them.
func holdMemory() { C.hold() }
