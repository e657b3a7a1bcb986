package proc

import (
	"os"
	"syscall"
)

func onParentDeath(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }

// DieWithParent asks for sig when the parent of this process dies. The request
// outlives exec. It reports false if the parent, whose id was parent, is
// already gone.
func DieWithParent(parent int, sig syscall.Signal) bool {
	// PR_SET_PDEATHSIG cannot fail with a valid signal.
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(sig), 0)
	return os.Getppid() == parent
}
