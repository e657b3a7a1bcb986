package cluster_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/golens/golens/kernel/internal/porttest"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/modeltest"
)

// A lab is a server in a process of its own, on a port that it keeps, behind a line
// that can be cut.
type lab struct {
	t            *testing.T
	folder, join string
	listen       string
	server       *process
	line         *line
}

func newLab(t *testing.T, folder string) *lab {
	l := &lab{t: t, folder: folder, listen: fmt.Sprintf("127.0.0.1:%d", porttest.Free(t, 1)[0])}
	l.start()
	l.join = filepath.Join(folder, "join.json")
	l.line = newLine(t, l.listen)
	return l
}

func (l *lab) start() {
	l.server = start(l.t, "server", []string{"GOLENS_TEST_FOLDER=" + l.folder, "GOLENS_TEST_LISTEN=" + l.listen})
	l.server.until(l.t, "listens")
}

// far is a file by which workers join over the line.
func (l *lab) far() string {
	data, err := os.ReadFile(l.join)
	if err != nil {
		l.t.Fatal(err)
	}
	var join map[string]string
	if err := json.Unmarshal(data, &join); err != nil {
		l.t.Fatal(err)
	}
	u, err := url.Parse(join["url"])
	if err != nil {
		l.t.Fatal(err)
	}
	u.Host = l.line.listener.Addr().String()
	join["url"] = u.String()
	data, _ = json.Marshal(join)
	path := filepath.Join(l.t.TempDir(), "join.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		l.t.Fatal(err)
	}
	return path
}

// line carries connections to a server until it is cut: then nothing gets through, and
// nobody is told.
type line struct {
	listener net.Listener
	mu       sync.Mutex
	whole    *sync.Cond
	cut      bool
}

func newLine(t *testing.T, to string) *line {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{listener: listener}
	l.whole = sync.NewCond(&l.mu)
	t.Cleanup(func() { listener.Close(); l.set(false) })
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			carry := func(to, from net.Conn) {
				defer to.Close()
				defer from.Close()
				_, _ = io.Copy(gate{to, l}, from)
			}
			go carry(near, far)
			go carry(far, near)
		}
	}()
	return l
}

type gate struct {
	io.Writer
	line *line
}

func (g gate) Write(data []byte) (int, error) {
	g.line.mu.Lock()
	for g.line.cut {
		g.line.whole.Wait()
	}
	g.line.mu.Unlock()
	return g.Writer.Write(data)
}

func (l *line) set(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	l.whole.Broadcast()
}

// disk is a folder on a small disk of its own; "" where there are no rights to make one.
func disk(t *testing.T, megabytes int) string {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=0700", megabytes)); err != nil {
		t.Logf("no disk of its own: %v", err)
		return ""
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// Faults, each by a number of the trial: whatever happens, a trial ends, with the
// local sweep's bits or, where the disk stays full, with an error that says so; no
// piece counts twice, and no work is left behind.
var faults = []struct {
	name string
	do   func(l *lab, rng *rand.Rand, workers []*process)
}{
	{"a worker is killed", func(l *lab, rng *rand.Rand, workers []*process) {
		workers[rng.IntN(len(workers))].kill()
	}},
	{"the server is killed and comes back", func(l *lab, rng *rand.Rand, _ []*process) {
		l.server.kill()
		pause(rng)
		l.start()
	}},
	{"the server ends in order and comes back", func(l *lab, rng *rand.Rand, _ []*process) {
		_ = l.server.Process.Signal(syscall.SIGTERM)
		_ = l.server.Wait()
		l.start()
	}},
	{"the line is cut and joined", func(l *lab, rng *rand.Rand, _ []*process) {
		l.line.set(true)
		time.Sleep(time.Duration(500+rng.IntN(3000)) * time.Millisecond) // around the silence after which others get its work
		l.line.set(false)
	}},
	{"a result is delivered twice", func(l *lab, rng *rand.Rand, workers []*process) {
		w := workers[rng.IntN(len(workers))].Process
		_ = w.Signal(syscall.SIGSTOP)
		time.Sleep(1500 * time.Millisecond) // its silence is 1 s: another does its work
		_ = w.Signal(syscall.SIGCONT)
	}},
	{"a worker ends in order", func(l *lab, rng *rand.Rand, workers []*process) {
		w := workers[rng.IntN(len(workers))]
		_ = w.Process.Signal(syscall.SIGTERM)
		_ = w.Wait()
	}},
	{"the disk is full for a while", func(l *lab, rng *rand.Rand, _ []*process) {
		fill := filepath.Join(l.folder, "fill")
		f, err := os.Create(fill)
		if err != nil {
			l.t.Fatal(err)
		}
		block := make([]byte, 1<<16)
		for {
			if _, err := f.Write(block); err != nil {
				break
			}
		}
		f.Close()
		time.Sleep(time.Duration(500+rng.IntN(1500)) * time.Millisecond)
		os.Remove(fill)
	}},
	{"the client dies and asks again", nil}, // see trial
}

func pause(rng *rand.Rand) { time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond) }

func TestFaults(t *testing.T) {
	trials, seed := 1, uint64(1)
	if os.Getenv("GOLENS_SLOW") != "" {
		trials = 50
	}
	if v := os.Getenv("GOLENS_TEST_TRIALS"); v != "" {
		trials, _ = strconv.Atoi(v)
	}
	if v := os.Getenv("GOLENS_TEST_SEED"); v != "" {
		seed, _ = strconv.ParseUint(v, 10, 64)
	}
	here := local(t)
	for trial := range trials {
		fault := faults[trial%len(faults)]
		t.Run(fmt.Sprintf("%d %s", trial, fault.name), func(t *testing.T) {
			t.Parallel() // they mostly wait
			rng := rand.New(rand.NewPCG(seed, uint64(trial)))
			tryFault(t, here, rng, fault.do, strings.Contains(fault.name, "disk"))
		})
	}
}

func tryFault(t *testing.T, here *model.Model, rng *rand.Rand, fault func(*lab, *rand.Rand, []*process), small bool) {
	folder := t.TempDir()
	if err := os.Chmod(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if small {
		if folder = disk(t, 24); folder == "" {
			t.Skip("this needs the rights to mount a small disk")
		}
	}
	l := newLab(t, folder)
	var workers []*process
	for _, join := range []string{l.join, l.far()} {
		workers = append(workers, startWorker(t, join, "GOLENS_TEST_SILENCE=1s"))
	}
	workers[0].until(t, "worker ")
	asked := rng.Uint64N(1 << 32)
	sweep := heads(here, 24, asked)
	want, err := here.Sweep(sweep)
	if err != nil {
		t.Fatal(err)
	}
	if fault == nil {
		client := start(t, "client", []string{model.ClusterEnv + "=" + l.join, fmt.Sprintf("GOLENS_TEST_SEED=%d", asked)})
		client.until(t, "asks")
		pause(rng)
		client.kill()
	}
	m := dealer(t, l.join)
	plan, err := m.Explain(sweep)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if pause(rng); fault != nil {
			fault(l, rng, workers)
		}
	}()
	began := time.Now()
	got, err := patiently(t, m, sweep)
	<-done
	if err != nil {
		if small && (strings.Contains(err.Error(), "cannot be") || strings.Contains(err.Error(), "failed for good")) {
			t.Logf("the disk was full: %v", err)
			return
		}
		t.Fatal(err)
	}
	if err := modeltest.SameSweep(want, got); err != nil {
		t.Error(err)
	}
	pieces := 0
	for _, s := range got.Computed {
		pieces += s.Pieces
	}
	if pieces != plan.Messages {
		t.Errorf("%d pieces counted of %d", pieces, plan.Messages)
	}
	emptied(t, m)
	t.Logf("%d pieces by %d workers in %s", pieces, len(got.Computed), time.Since(began).Round(time.Millisecond))
}

// patiently asks for a sweep, and again when a piece was given up because three workers in
// a row seemed gone: on a busy machine one that lives may say nothing for a second, which
// is its silence here.
func patiently(t *testing.T, m *model.Model, sweep model.Sweep) (got *model.SweepResult, err error) {
	for range 5 {
		if got, err = m.Sweep(sweep); err == nil || !strings.Contains(err.Error(), "or were cut off") {
			break
		}
		t.Log(err)
	}
	return got, err
}

// Workers in network namespaces of their own, each behind a link that can be cut:
// their results are the local ones, and a link that is down for a while loses nothing.
func TestNamespaces(t *testing.T) {
	if os.Getuid() != 0 || exec.Command("ip", "netns", "list").Run() != nil {
		t.Skip("this needs root and the ip command")
	}
	ip := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Skipf("ip %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	id := os.Getpid() % 1000
	bridge := fmt.Sprintf("glb%d", id)
	ip("link", "add", bridge, "type", "bridge")
	t.Cleanup(func() { _ = exec.Command("ip", "link", "del", bridge).Run() })
	ip("addr", "add", "10.213.7.1/24", "dev", bridge)
	ip("link", "set", bridge, "up")
	s := startServer(t, clusterOn("10.213.7.1:0"))
	m, here := dealer(t, s.Join), local(t)
	for i := range 2 {
		ns, host, inner := fmt.Sprintf("gln%d-%d", id, i), fmt.Sprintf("glh%d-%d", id, i), fmt.Sprintf("gli%d-%d", id, i)
		ip("netns", "add", ns)
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", ns).Run() })
		ip("link", "add", host, "type", "veth", "peer", "name", inner)
		ip("link", "set", inner, "netns", ns)
		ip("link", "set", host, "master", bridge, "up")
		ip("-n", ns, "addr", "add", fmt.Sprintf("10.213.7.%d/24", 10+i), "dev", inner)
		ip("-n", ns, "link", "set", inner, "up")
		start(t, "worker", []string{model.ClusterEnv + "=" + s.Join, "GOLENS_TEST_SILENCE=1s"}, "ip", "netns", "exec", ns).until(t, "worker ")
	}
	sweep := heads(here, 48, 3)
	want, err := here.Sweep(sweep)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		time.Sleep(300 * time.Millisecond)
		cut := fmt.Sprintf("glh%d-0", id)
		_ = exec.Command("ip", "link", "set", cut, "down").Run()
		time.Sleep(2 * time.Second)
		_ = exec.Command("ip", "link", "set", cut, "up").Run()
	}()
	got, err := patiently(t, m, sweep)
	if err != nil {
		t.Fatal(err)
	}
	if err := modeltest.SameSweep(want, got); err != nil {
		t.Error(err)
	}
	emptied(t, m)
	t.Log(got.Computed)
}
