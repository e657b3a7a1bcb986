//go:build unix

package proc

import (
	"errors"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	l, err := Acquire(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := TryAcquire(path); !errors.Is(err, ErrLocked) {
		t.Errorf("a held lock: %v", err)
	}
	if err := l.Unlock(); err != nil {
		t.Fatal(err)
	}
	l, err = TryAcquire(path)
	if err != nil {
		t.Fatalf("a free lock: %v", err)
	}
	l.Unlock()
	if _, err := Acquire(filepath.Join(path, "below")); err == nil {
		t.Error("a lock below a file was got")
	}
}

// start starts a shell that leads a group.
func start(t *testing.T, script string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	Group(cmd, syscall.SIGTERM)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = Signal(cmd.Process.Pid, syscall.SIGKILL); _ = cmd.Wait() })
	return cmd
}

func TestEndReachesTheWholeGroup(t *testing.T) {
	cmd := start(t, "sleep 60 & sleep 60")
	if !Alive(cmd.Process.Pid) {
		t.Fatal("not alive after its start")
	}
	begin := time.Now()
	End(cmd.Process.Pid, 2*time.Minute)
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("took %v: the group's ended processes count as alive", took)
	}
	_ = cmd.Wait()
	if Alive(cmd.Process.Pid) {
		t.Error("alive after its end")
	}
}

func TestEndKillsWhatDoesNotListen(t *testing.T) {
	cmd := start(t, "trap '' TERM; while :; do sleep 0.05; done")
	time.Sleep(100 * time.Millisecond) // for the trap to be set
	End(cmd.Process.Pid, 200*time.Millisecond)
	_ = cmd.Wait()
	for began := time.Now(); Alive(cmd.Process.Pid); time.Sleep(5 * time.Millisecond) { // the kernel takes its time with a child of the shell
		if time.Since(began) > time.Minute {
			t.Fatal("alive after its end")
		}
	}
}

func TestWhatIsStoppedNotices(t *testing.T) {
	cmd := exec.Command("sleep", "600")
	Group(cmd, syscall.SIGKILL)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(cmd.Process.Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := Signal(cmd.Process.Pid, syscall.SIGTERM); err != nil { // a script's background ignores SIGINT
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || err.Error() != "signal: terminated" {
		t.Errorf("it ended with %v", err)
	}
}

func TestSignalNeverReachesEverybody(t *testing.T) {
	for _, group := range []int{-1, 0, 1} {
		if err := Signal(group, syscall.SIGKILL); err != nil || Alive(group) {
			t.Errorf("group %d: %v", group, err)
		}
	}
}

func TestSignalOfAGroupThatIsGone(t *testing.T) {
	cmd := start(t, "exit 0")
	_ = cmd.Wait()
	if err := Signal(cmd.Process.Pid, syscall.SIGTERM); err != nil {
		t.Error(err)
	}
}
