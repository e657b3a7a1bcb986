//go:build unix

package proc

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Group makes cmd the leader of a process group of its own, which receives
// sig, on Linux, when the process that starts it dies.
func Group(cmd *exec.Cmd, sig syscall.Signal) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	onParentDeath(cmd.SysProcAttr, sig)
}

// Signal sends sig to every process of group pgid, and lets those go on that are
// stopped: they would else not notice, such as a program that a ! line starts and that
// reads from the terminal. A group that is gone is no error.
func Signal(pgid int, sig syscall.Signal) error {
	if pgid <= 1 { // never "every process", never init
		return nil
	}
	for _, sig := range []syscall.Signal{sig, syscall.SIGCONT} {
		if err := syscall.Kill(-pgid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}

// Alive tells whether group pgid has a process left.
func Alive(pgid int) bool {
	return pgid > 1 && syscall.Kill(-pgid, 0) == nil && running(pgid)
}

// End asks group pgid to end with SIGTERM and kills what is left after grace.
func End(pgid int, grace time.Duration) {
	_ = Signal(pgid, syscall.SIGTERM)
	for deadline := time.Now().Add(grace); Alive(pgid) && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond) // short against any grace, long against a busy loop
	}
	_ = Signal(pgid, syscall.SIGKILL)
}

// Lock is an exclusive lock on a file. It ends with Unlock or with the process.
type Lock struct{ f *os.File }

// ErrLocked: another process holds the lock.
var ErrLocked = errors.New("locked by another process")

// Acquire locks the file at path, which it creates if needed, and waits for
// another holder to end.
func Acquire(path string) (*Lock, error) { return lock(path, syscall.LOCK_EX) }

// TryAcquire is Acquire that returns ErrLocked instead of waiting.
func TryAcquire(path string) (*Lock, error) { return lock(path, syscall.LOCK_EX|syscall.LOCK_NB) }

func lock(path string, how int) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrLocked
		}
		return nil, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	return &Lock{f: f}, nil
}

// Unlock releases the lock. The file stays.
func (l *Lock) Unlock() error { return l.f.Close() }
