package proc

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// running tells whether group pgid has a process that has not ended. Ended ones
// stay in their group until their parent takes notice, which in a container may
// be an init that never does.
func running(pgid int) bool {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // gone
		}
		// pid (name) state parent group ...; the name may hold anything.
		fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
		if len(fields) < 3 || string(fields[2]) != strconv.Itoa(pgid) {
			continue
		}
		if state := string(fields[0]); state != "Z" && state != "X" {
			return true
		}
	}
	return false
}

func onParentDeath(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }

// DieWithParent asks for sig when the parent of this process dies. The request
// outlives exec. It reports false if the parent, whose id was parent, is
// already gone.
func DieWithParent(parent int, sig syscall.Signal) bool {
	// PR_SET_PDEATHSIG cannot fail with a valid signal.
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(sig), 0)
	return os.Getppid() == parent
}
