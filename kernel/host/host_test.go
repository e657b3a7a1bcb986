package host

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/golens/golens/kernel/internal/proc"
	"github.com/golens/golens/kernel/internal/rundir"
)

// socketDir is a folder whose path is short enough for a socket.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "glh-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func client(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}}}
}

func TestListenIsPrivateAndReplacesTheDead(t *testing.T) {
	path := filepath.Join(socketDir(t), "made", "host.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v; want %v", p, info.Mode().Perm(), err, want)
		}
	}
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "another host listens there") {
		t.Errorf("a second host: %v", err)
	}
	l.SetUnlinkOnClose(false) // as a host that is killed leaves it
	l.Close()
	l, err = Listen(path)
	if err != nil {
		t.Fatalf("after a host that was killed: %v", err)
	}
	l.Close()
}

func TestServeEndsWithItsLifeline(t *testing.T) {
	path := filepath.Join(socketDir(t), "s")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	began, cancelled := make(chan struct{}), make(chan struct{})
	lifeline, supervisor := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- serve(ended(lifeline), l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(began)
			<-r.Context().Done()
			close(cancelled)
		}))
	}()
	go client(path).Get("http://host/")
	<-began
	supervisor.Close()
	select {
	case <-cancelled:
	case <-time.After(time.Minute):
		t.Fatal("the request goes on")
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestClientThatGoesAwayCancels(t *testing.T) {
	path := filepath.Join(socketDir(t), "s")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	cancelled := make(chan struct{})
	ctx, end := context.WithCancel(context.Background())
	defer end()
	go serve(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(cancelled)
	}))
	resp, err := client(path).Get("http://host/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close() // as the end of a cell's process does
	select {
	case <-cancelled:
	case <-time.After(time.Minute):
		t.Fatal("the work goes on")
	}
}

func TestGuardEndsAndRemovesWhatIsLeft(t *testing.T) {
	dir := t.TempDir()
	left, err := rundir.Make(filepath.Join(dir, "b"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sleep", "60")
	proc.Group(cmd, syscall.SIGTERM)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	file := filepath.Join(dir, "guard.json")
	if err := (Remains{Groups: []int{cmd.Process.Pid}, Folders: []string{left.Path}}).Write(file); err != nil {
		t.Fatal(err)
	}
	if err := Guard(file); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("the process goes on")
	}
	if _, err := os.Stat(left.Path); !os.IsNotExist(err) {
		t.Error("the folder is still there")
	}
}

func TestGuardWithoutWork(t *testing.T) {
	dir := t.TempDir()
	if err := Guard(filepath.Join(dir, "none")); err != nil {
		t.Errorf("a supervisor that ended in order: %v", err)
	}
	bad := filepath.Join(dir, "bad")
	if err := os.WriteFile(bad, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Guard(bad); err == nil || !strings.Contains(err.Error(), bad) {
		t.Errorf("a broken file: %v", err)
	}
}

func TestListenNeedsASocket(t *testing.T) {
	if _, err := listen("", 0); err == nil || !strings.Contains(err.Error(), "give -socket PATH or set GOLENS_SOCKET") {
		t.Errorf("got %v", err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd, err := syscall.Dup(int(f.Fd())) // which listen closes
	if err != nil {
		t.Fatal(err)
	}
	if _, err := listen("", fd); err == nil || !strings.Contains(err.Error(), "is not a listening socket") {
		t.Errorf("got %v", err)
	}
}
