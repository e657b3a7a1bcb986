//go:build cgo && !noxla && (amd64 || arm64)

package backend

/*
#include <malloc.h>
#include <stdlib.h>

// hold makes the C library keep large blocks that are freed for the next ones, in one
// arena for all threads: before there is a second thread, since one that has an arena
// of its own keeps it, and large blocks of such arenas always go back to the system.
__attribute__((constructor)) static void hold(void) {
#ifdef __GLIBC__
	if (getenv("MALLOC_MMAP_THRESHOLD_") || getenv("MALLOC_ARENA_MAX")) return;
	mallopt(M_MMAP_THRESHOLD, 1 << 30);
	mallopt(M_TRIM_THRESHOLD, 0x7fffffff);
	mallopt(M_TOP_PAD, 64 << 20);
	mallopt(M_ARENA_MAX, 1);
#endif
}

static void trim(void) {
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}
*/
import "C"

import "runtime/debug"

// GiveBack gives the memory that is free to the system, whoever kept it for the next call.
func GiveBack() {
	debug.FreeOSMemory()
	C.trim()
}
