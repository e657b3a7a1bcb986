package serve_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/serve"
)

// account is a user that every machine has, as which root may run programs.
func account(t *testing.T, name string) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Skip(err)
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// A host of one user answers another's program through ssh -L, socket to socket
// (docker/REMOTE.md), and ends of it are open to nobody else.
func TestSocketThroughSSH(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root becomes two users; run as root")
	}
	sshd, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil {
		t.Skip("no sshd: install openssh-server")
	}
	for _, program := range []string{"ssh", "ssh-keygen"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	there, here := account(t, "nobody"), account(t, "daemon")
	base, err := os.MkdirTemp("/tmp", "gls-") // short enough for sockets, and open to both
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	dir := map[*syscall.Credential]string{there: filepath.Join(base, "there"), here: filepath.Join(base, "here")}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.Chmod(base, 0o755))
	as := func(who *syscall.Credential, log *bytes.Buffer, program string, args ...string) *exec.Cmd {
		cmd := exec.Command(program, args...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir[who], log, log
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who, Pdeathsig: syscall.SIGKILL}
		return cmd
	}
	for who, path := range dir {
		check(os.Mkdir(path, 0o700))
		check(os.Chown(path, int(who.Uid), int(who.Gid)))
		var log bytes.Buffer
		if err := as(who, &log, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(path, "key")).Run(); err != nil {
			t.Fatalf("%v\n%s", err, log.String())
		}
	}

	// The host, which only its user can reach.
	host := filepath.Join(dir[there], "host.sock")
	l, err := net.Listen("unix", host)
	check(err)
	check(os.Chmod(host, 0o600))
	check(os.Chown(host, int(there.Uid), int(there.Gid)))
	srv := &http.Server{Handler: serve.New()}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })

	// An ssh server of that user, which lets the other's key in.
	port := ""
	for n := 20_000 + os.Getpid()%10_000; port == ""; n++ { // below those that the system gives to anybody
		if free, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", n)); err == nil {
			port = strconv.Itoa(n)
			free.Close()
		}
	}
	known, err := os.ReadFile(filepath.Join(dir[here], "key.pub"))
	check(err)
	keys := filepath.Join(dir[there], "authorized")
	check(os.WriteFile(keys, known, 0o644))
	config := filepath.Join(dir[there], "config")
	check(os.WriteFile(config, fmt.Appendf(nil, "ListenAddress 127.0.0.1:%s\nHostKey %s/key\nAuthorizedKeysFile %s\nPidFile none\nStrictModes no\nUsePAM yes\nPasswordAuthentication no\n", port, dir[there], keys), 0o644))
	var serverLog, clientLog bytes.Buffer
	server := as(there, &serverLog, sshd, "-D", "-e", "-f", config)
	check(server.Start())
	end := func(cmd *exec.Cmd) { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	defer end(server)
	for until := time.Now().Add(2 * time.Minute); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			c.Close()
			break
		}
	}

	near := filepath.Join(dir[here], "golens.sock")
	client := as(here, &clientLog, "ssh", "-F", "none", "-i", filepath.Join(dir[here], "key"), "-p", port,
		"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes",
		"-N", "-L", near+":"+host, "nobody@127.0.0.1")
	check(client.Start())
	ended := false
	stop := func() {
		if !ended {
			ended = true
			end(client)
		}
	}
	defer stop()
	for until := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(near); err == nil {
			break
		}
		if time.Now().After(until) {
			stop()
			end(server)
			t.Fatalf("ssh carries nothing:\n%s\n%s", clientLog.String(), serverLog.String())
		}
	}
	info, err := os.Stat(near)
	check(err)
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner != here.Uid || info.Mode().Perm() != 0o600 {
		t.Errorf("the near end belongs to %d, mode %v", owner, info.Mode().Perm())
	}
	check(os.Chown(near, 0, 0)) // whose this program is, which asks nobody else's

	local, err := model.Open(modeltest.Dir())
	check(err)
	t.Setenv(model.SocketEnv, near)
	remote, err := model.Open(modeltest.Dir())
	check(err)
	ask := func(m *model.Model) *model.Result {
		t.Helper()
		run, err := m.Run(m.Rows([][]int32{{5, 9, 11, 4}}).Capture(hook.Pattern(1)).Metric(model.NLL()))
		check(err)
		return run
	}
	want, got := ask(local), ask(remote)
	if d := modeltest.MaxDiff(want.Captures[0].Array, got.Captures[0].Array); d != 0 || want.Metric() != got.Metric() {
		t.Errorf("through ssh the pattern differs by %g, the loss is %g, not %g", d, got.Metric(), want.Metric())
	}
	stop() // and what goes through the tunnel ends with it
	if _, err := remote.Run(remote.Rows([][]int32{{5, 9, 12}}).Metric(model.NLL())); err == nil {
		t.Error("the host answers without the tunnel: this test tests nothing")
	}
}
