package zmtp

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// caller is the variable that makes this program a client; it holds a server's
// address.
const caller = "GOLENS_TEST_CALL"

func TestMain(m *testing.M) {
	if address := os.Getenv(caller); address != "" {
		fmt.Print(call(address))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// call subscribes to all that a server publishes and returns the first message.
func call(address string) string {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return "no connection"
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	s, err := Connect(c, Sub, "")
	if err != nil {
		return "refused"
	}
	m, err := s.Recv()
	if err != nil {
		return "refused"
	}
	return text(m)
}

func TestOtherUsersOfThisMachineAreRefused(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root becomes another user; run as root")
	}
	// A copy that another user may run: TMPDIR may be in a folder of this user's alone.
	dir, err := os.MkdirTemp("/tmp", "glu-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	self := filepath.Join(dir, "self")
	data, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(self, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
			if err != nil {
				t.Skipf("no such address here (%v): give the loopback interface one", err)
			}
			s := Serve(l, Pub, nil)
			defer s.Close()
			stop := make(chan struct{})
			defer close(stop)
			go func() {
				for s.Send([][]byte{[]byte("secret")}) == nil {
					select {
					case <-stop:
						return
					case <-time.After(10 * time.Millisecond):
					}
				}
			}()
			for uid, want := range map[uint32]string{0: "secret", 12345: "refused"} {
				cmd := exec.Command(self)
				cmd.Env = []string{caller + "=" + l.Addr().String()}
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
				if out, err := cmd.CombinedOutput(); err != nil || string(out) != want {
					t.Errorf("user %d: got %q, %v; want %s", uid, out, err, want)
				}
			}
		})
	}
}

// Whoever closes a connection at once leaves one without an owner.
func TestAClosedConnectionHasNoOwner(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := sameUser(b); err != nil {
		t.Errorf("the user's own: %v", err)
	}
	a.Close()
	_, _ = io.Copy(io.Discard, b)
	if err := sameUser(b); err == nil || !strings.Contains(err.Error(), "of an unknown user") {
		t.Errorf("got %v", err)
	}
}
