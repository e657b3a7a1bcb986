package kerneltest_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/golens/golens/kernel/kerneltest"
	"github.com/golens/golens/kernel/session"
	"github.com/golens/golens/kernel/wire"
)

// place is where one kernel's processes and files are found again.
type place struct {
	t    *testing.T
	mark string // in the environment of each process
	dir  string // of its sockets and temporary files
}

func newPlace(t *testing.T) *place {
	// Not t.TempDir: its path may be too long for a socket.
	dir, err := os.MkdirTemp("", "glt-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return &place{t: t, mark: "GOLENS_TEST_MARK=" + wire.NewID(), dir: dir}
}

func (p *place) start(options ...kerneltest.Option) *session.Session {
	p.t.Helper()
	return kerneltest.Start(p.t, append(options, kerneltest.Env(p.mark, "TMPDIR="+p.dir, "XDG_RUNTIME_DIR="+p.dir))...)
}

// process is one of a kernel's processes.
type process struct {
	pid   int
	name  string // of its program's file
	start int    // when, in ticks since the machine's
}

// processes lists the kernel's processes.
func (p *place) processes() []process {
	var list []process
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		env, err := os.ReadFile(d + "/environ")
		if err != nil || !bytes.Contains(env, []byte(p.mark)) {
			continue // gone, another user's, or not ours
		}
		exe, err := os.Readlink(d + "/exe")
		if err != nil {
			continue // a zombie: it has ended
		}
		pid, _ := strconv.Atoi(filepath.Base(d))
		stat, err := fields(pid)
		if err != nil {
			continue
		}
		start, _ := strconv.Atoi(stat[19])
		list = append(list, process{pid, filepath.Base(exe), start})
	}
	slices.SortFunc(list, func(a, b process) int { return cmp.Or(a.start-b.start, a.pid-b.pid) })
	return list
}

// fields are what the system says of a process, from its third on: the second, its
// name, may hold spaces.
func fields(pid int) ([]string, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	return strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:])), nil
}

// find returns the process of the named program, "cell" is that of a cell: the oldest,
// since a child bears its parent's name until it is another program.
func (p *place) find(name string) process {
	p.t.Helper()
	for range 4800 { // four minutes: a cell takes half a second to build, where nothing else runs
		for _, q := range p.processes() {
			if q.name == name || name == "cell" && strings.HasPrefix(q.name, "gonb_") {
				return q
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Fatalf("no process %s among %v", name, p.processes())
	return process{}
}

// files lists the kernel's files.
func (p *place) files() []string {
	var list []string
	_ = filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Base(filepath.Dir(path)) != "golens-"+strconv.Itoa(os.Getuid()) {
			list = append(list, path) // all but the lock of the user's folder, which stays
		}
		return nil
	})
	return list
}

// gone waits until no process and no file of the kernel is left.
func (p *place) gone() {
	p.t.Helper()
	for deadline := time.Now().Add(endLimit); ; time.Sleep(20 * time.Millisecond) {
		procs, files := p.processes(), p.files()
		if len(procs)+len(files) == 0 {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%v after the end: processes %v, files %v", endLimit, procs, files)
		}
	}
}

// busy sends a cell that goes on for long, and waits until it runs.
func (p *place) busy(s *session.Session) process {
	p.t.Helper()
	if _, err := s.Post(session.Shell, "execute_request", map[string]any{
		"code": "%%\ntime.Sleep(time.Hour)", "silent": false, "store_history": true,
		"user_expressions": map[string]any{}, "allow_stdin": false, "stop_on_error": true,
	}); err != nil {
		p.t.Fatal(err)
	}
	return p.find("cell")
}

// end kills a cell and waits until the kernel has noticed.
func (p *place) end(s *session.Session, cell process) {
	p.t.Helper()
	_ = syscall.Kill(cell.pid, syscall.SIGKILL) // unless it was the victim
	ctx, cancel := context.WithTimeout(context.Background(), endLimit)
	defer cancel()
	for {
		_, m, err := s.Next(ctx)
		if err != nil {
			p.t.Fatal(err)
		}
		if m.Header.MsgType == "execute_reply" {
			return
		}
	}
}

// cpu is the processor time that a process has used.
func cpu(t *testing.T, pid int) time.Duration {
	stat, err := fields(pid)
	if err != nil {
		t.Fatal(err)
	}
	user, _ := strconv.Atoi(stat[11])
	system, _ := strconv.Atoi(stat[12])
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux
	return time.Duration(user+system) * tick
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}
