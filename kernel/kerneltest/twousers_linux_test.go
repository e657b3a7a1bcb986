package kerneltest_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/golens/golens/kernel/internal/porttest"
	"github.com/golens/golens/kernel/kerneltest"
	"github.com/golens/golens/kernel/wire"
	"github.com/golens/golens/kernel/wire/zmtp"
)

// stranger is the variable that makes this program another user of the machine;
// it holds what there is of a kernel.
const stranger = "GOLENS_TEST_STRANGER"

// known is what another user may learn or guess of a kernel.
type known struct {
	Paths []string // its files, and their folders
	Pids  []int
	Ports []int
}

func init() {
	var k known
	if text := os.Getenv(stranger); text != "" && json.Unmarshal([]byte(text), &k) == nil {
		hostile(k)
		os.Exit(0)
	}
}

// hostile tries all that a user can, says what has worked, and holds
// connections open until its input ends.
func hostile(k known) {
	fmt.Println("as", os.Getuid())
	for _, path := range k.Paths {
		if f, err := os.Open(path); err == nil {
			fmt.Println("reads", path)
			f.Close()
		}
		if f, err := os.OpenFile(filepath.Join(path, "planted"), os.O_CREATE|os.O_WRONLY, 0o666); err == nil {
			fmt.Println("plants a file in", path)
			f.Close()
		}
		if c, err := net.Dial("unix", path); err == nil {
			fmt.Println("talks to", path)
			c.Close()
		}
		if os.Remove(path) == nil {
			fmt.Println("removes", path)
		}
	}
	for _, pid := range k.Pids {
		if syscall.Kill(pid, syscall.SIGTERM) == nil {
			fmt.Println("stops", pid)
		}
		if _, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)); err == nil {
			fmt.Println("reads the environment of", pid)
		}
	}
	var held []net.Conn
	for _, port := range k.Ports {
		address := fmt.Sprintf("127.0.0.1:%d", port)
		for range 300 { // more than a socket admits
			if c, err := net.Dial("tcp", address); err == nil {
				held = append(held, c)
			}
		}
		for _, kind := range []zmtp.Kind{zmtp.Sub, zmtp.Dealer} {
			c, err := net.Dial("tcp", address)
			if err != nil {
				continue
			}
			_ = c.SetDeadline(time.Now().Add(2 * time.Second))
			if s, err := zmtp.Connect(c, kind, ""); err == nil {
				fmt.Println("is let in at", port)
				if m, err := s.Recv(); err == nil {
					fmt.Printf("hears %q\n", m)
				}
			}
		}
	}
	fmt.Println("holding")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	for _, c := range held {
		c.Close()
	}
}

// Neither of two users of a machine can see, stop, slow or feed the other's
// kernel, be it on unix sockets, as a report's is, or on ports, as Jupyter's.
func TestTwoUsers(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root becomes another user; run as root")
	}
	p := newPlace(t)
	if err := os.Chmod(p.dir, 0o777|os.ModeSticky); err != nil { // as /tmp is
		t.Fatal(err)
	}
	s := p.start()
	conn, talk := onPorts(t, p)
	quickest := func() time.Duration { // of twenty questions, so that a busy machine does not count
		best := time.Hour
		for range 20 {
			begin := time.Now()
			talk()
			best = min(best, time.Since(begin))
		}
		return best
	}
	alone := quickest() // waits until it listens
	k := known{Ports: []int{conn.ShellPort, conn.ControlPort, conn.StdinPort, conn.IOPubPort, conn.HBPort}}
	for _, path := range p.files() {
		k.Paths = append(k.Paths, path)
		if dir := filepath.Dir(path); dir != p.dir { // which anybody may use
			k.Paths = append(k.Paths, dir)
		}
	}
	for _, q := range p.processes() {
		k.Pids = append(k.Pids, q.pid)
	}
	if len(k.Paths) < 10 || len(k.Pids) < 4 {
		t.Fatalf("this test tests nothing: %+v", k)
	}
	out, release := another(t, k)
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); line != "as 12345" && line != "holding" {
			t.Errorf("another user %s", line)
		}
	}
	// While it holds what it could get, all goes on.
	if beside := quickest(); beside > alone+10*time.Second { // who finds no room waits for minutes
		t.Errorf("a question takes %v, and %v while another user holds what it could get", alone, beside)
	}
	mustRun(t, s, "%%\nfmt.Println(1)", "1")
	release()
}

// onPorts starts a kernel on TCP and returns where, and what asks it something.
func onPorts(t *testing.T, p *place) (conn wire.Connection, talk func()) {
	t.Helper()
	conn = wire.Connection{Transport: "tcp", IP: "127.0.0.1", Key: wire.NewID(), SignatureScheme: "hmac-sha256"}
	free := porttest.Free(t, 5)
	conn.ShellPort, conn.ControlPort, conn.StdinPort, conn.IOPubPort, conn.HBPort = free[0], free[1], free[2], free[3], free[4]
	file := filepath.Join(p.dir, "kernel-tcp.json")
	if err := conn.Write(file); err != nil {
		t.Fatal(err)
	}
	command := kerneltest.Command(t)
	cmd := exec.Command(command[0], command[1], file)
	cmd.Env = append(os.Environ(), p.mark, "TMPDIR="+p.dir, "XDG_RUNTIME_DIR="+p.dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	return conn, func() {
		t.Helper()
		shell, err := conn.Dial(t.Context(), zmtp.Dealer, conn.ShellPort, "", 4*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		defer shell.Close()
		if err := shell.Send(wire.New("kernel_info_request", "s", nil, struct{}{})); err != nil {
			t.Fatal(err)
		}
		if m, err := shell.Recv(); err != nil || m.Header.MsgType != "kernel_info_reply" {
			t.Fatalf("%v, %v", m, err)
		}
	}
}

// another runs hostile as another user until it holds what it could get.
func another(t *testing.T, k known) (out string, release func()) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "glu-") // TMPDIR may be in a folder of this user's alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	self := filepath.Join(dir, "self") // a copy that another user may run
	data, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(self, data, 0o755)
	}
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	what, _ := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = []string{stranger + "=" + string(what)}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 12345, Gid: 12345}}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	from, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		out += lines.Text() + "\n"
		if lines.Text() == "holding" {
			break
		}
	}
	if !strings.Contains(out, "holding") {
		t.Fatalf("the other user ended early: %q", out)
	}
	return out, func() { in.Close(); _ = cmd.Wait() }
}
