package kerneltest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/golens/golens/kernel/kerneltest"
	"github.com/golens/golens/kernel/session"
)

// endLimit is within how long all must be gone after a process was killed: the
// supervisor gives gonb two seconds, the host's guard one, a busy machine more.
const endLimit = 4 * time.Minute

// run runs a cell and returns what it printed.
func run(t *testing.T, s *session.Session, code string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	out, err := s.Execute(ctx, code, session.Limits{}, nil)
	text := ""
	for _, o := range out.List {
		text += o.Text
	}
	return text, err
}

func mustRun(t *testing.T, s *session.Session, code, want string) {
	t.Helper()
	if got, err := run(t, s, code); err != nil || strings.TrimSpace(got) != want {
		t.Fatalf("cell %q: got %q, %v; want %q", code, got, err, want)
	}
}

// openModel opens the tiny GPT-2 in the host.
func openModel(t *testing.T) string {
	dir, err := filepath.Abs("../../model/modeltest/testdata/gpt2")
	if err != nil {
		t.Fatal(err)
	}
	return `import (
	"github.com/golens/golens/kernel/nb"
	"github.com/golens/golens/model"
)
var m = nb.Must(model.Open("` + dir + `"))
%%
fmt.Println(m.Config().Layers)`
}

func TestShutdownLeavesNothing(t *testing.T) {
	p := newPlace(t)
	s := p.start(kerneltest.Gopls)
	p.find("gopls")
	p.busy(s)
	s.Close()
	p.gone()
}

func TestKilledProcess(t *testing.T) {
	for _, test := range []struct {
		victim string
		lives  bool // the kernel goes on
	}{
		{"supervisor", false}, {"gonb", false}, {"golens-host", true}, {"cell", true}, {"gopls", true},
	} {
		t.Run(test.victim, func(t *testing.T) {
			p := newPlace(t)
			s := p.start(kerneltest.Gopls)
			p.find("gopls")
			cell := p.busy(s)
			victim := s.Pid()
			if test.victim != "supervisor" {
				victim = p.find(test.victim).pid
			}
			kill(t, victim)
			if !test.lives {
				select {
				case <-s.Exited():
				case <-time.After(endLimit):
					t.Fatal("the supervisor goes on")
				}
				p.gone()
				return
			}
			p.end(s, cell)
			mustRun(t, s, openModel(t), "3")
			s.Close()
			p.gone()
		})
	}
}

func TestAllKilledAtOnceIsSweptAtTheNextStart(t *testing.T) {
	p := newPlace(t)
	s := p.start()
	p.busy(s)
	for _, how := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGKILL} { // none has time to clean up after another
		for _, q := range p.processes() {
			if err := syscall.Kill(q.pid, how); err != nil && !errors.Is(err, syscall.ESRCH) { // dead with its parent
				t.Fatal(err)
			}
		}
	}
	<-s.Exited()
	if len(p.files()) == 0 {
		t.Fatal("nothing was left: this test tests nothing")
	}
	s.Close()
	p.start().Close()
	p.gone()
}

func TestTerminatedKernelEndsInOrder(t *testing.T) {
	p := newPlace(t)
	s := p.start()
	p.busy(s)
	if err := syscall.Kill(s.Pid(), syscall.SIGTERM); err != nil { // what a parent's death sends
		t.Fatal(err)
	}
	p.gone()
}

func TestInterruptStopsTheHostsWork(t *testing.T) {
	p := newPlace(t)
	s := p.start()
	mustRun(t, s, openModel(t), "3")
	host := p.find("golens-host")
	// Half a minute's work or more, in requests of a second or less: what a larger
	// one has computed takes a while to be cleared away.
	work := `%%
rows := make([][]int32, 5000)
for i := range rows {
	rows[i] = make([]int32, 64)
	rows[i][0] = int32(i % 90)
}
for n := range int32(90) {
	rows[0][1] = n
	nb.Must(m.Run(m.Rows(rows).Request()))
}
fmt.Println("done")`
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	began := cpu(t, host.pid)
	go func() {
		for ctx.Err() == nil && cpu(t, host.pid)-began < time.Second { // so that there is work to stop
			time.Sleep(10 * time.Millisecond)
		}
		if err := s.Interrupt(); err != nil {
			t.Error(err)
		}
	}()
	_, err := s.Execute(ctx, work, session.Limits{}, nil)
	var failed *session.CellError
	if !errors.As(err, &failed) || failed.Name != "Interrupted" {
		t.Fatalf("the cell was to be interrupted: %v", err)
	}
	// The piece of work that is under way ends, and what it needed is cleared away:
	// ten seconds of the processor are enough, and all of the work takes many more.
	before := cpu(t, host.pid)
	for last := before; ; {
		time.Sleep(500 * time.Millisecond)
		now := cpu(t, host.pid)
		if now-before > 10*time.Second {
			t.Fatalf("the host goes on working: %v of processor time since the interrupt", now-before)
		}
		if now-last <= 50*time.Millisecond {
			break
		}
		last = now
	}
	mustRun(t, s, "%%\nfmt.Println(m.Config().Layers)", "3")
	if again := p.find("golens-host"); again.pid != host.pid {
		t.Error("the host was replaced: the model is lost")
	}
}

func TestKilledHostIsAskedAgain(t *testing.T) {
	p := newPlace(t)
	s := p.start()
	mustRun(t, s, openModel(t), "3")
	var last int
	for attempt := range 5 { // on a busy machine all may be done before the kill
		host := p.find("golens-host")
		for host.pid == last { // it is about to end
			host = p.find("golens-host")
		}
		last = host.pid
		began := cpu(t, host.pid)
		killed := make(chan struct{})
		go func() {
			defer close(killed)
			for range 3000 { // 30 s: the cell takes a second to compile
				if cpu(t, host.pid)-began > 300*time.Millisecond {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			_ = syscall.Kill(host.pid, syscall.SIGKILL)
		}()
		mustRun(t, s, fmt.Sprintf(`%%%%
rows := make([][]int32, 5000)
for i := range rows {
	rows[i] = make([]int32, 64)
}
for n := range int32(8) {
	rows[0][1], rows[0][2] = n, %d
	nb.Must(m.Run(m.Rows(rows).Request()))
}
fmt.Println("done")`, attempt), "done")
		again := p.find("golens-host")
		<-killed
		if again.pid != host.pid {
			return
		}
	}
	t.Error("the host was never killed at work: this test tests nothing")
}

func TestInterruptSparesGopls(t *testing.T) {
	p := newPlace(t)
	s := p.start(kerneltest.Gopls)
	gopls := p.find("gopls")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	_, err := s.Execute(ctx, "%%\ntime.Sleep(time.Minute)", session.Limits{Time: time.Second}, nil)
	if err == nil {
		t.Fatal("the cell was to be interrupted")
	}
	mustRun(t, s, "%%\nfmt.Println(1)", "1") // by then it has ended, if it does
	if now := p.find("gopls"); now.pid != gopls.pid {
		t.Error("gopls was replaced")
	}
}

func TestInterruptEndsAShellThatStartsProgramsAllTheTime(t *testing.T) {
	p := newPlace(t)
	s := p.start()
	for range 3 {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
		_, err := s.Execute(ctx, "!while :; do /bin/true; done; sleep 60", session.Limits{Time: 300 * time.Millisecond}, nil)
		cancel()
		var failed *session.CellError
		if !errors.As(err, &failed) {
			t.Fatalf("the cell was to be interrupted: %v", err)
		}
	}
}

func TestTwoKernels(t *testing.T) {
	p, q := newPlace(t), newPlace(t)
	a, b := p.start(), q.start()
	mustRun(t, a, `var who = "a"`, "")
	mustRun(t, b, `var who = "b"`, "")
	mustRun(t, a, openModel(t), "3")
	mustRun(t, a, "%%\nfmt.Println(who)", "a")
	a.Close()
	p.gone()
	mustRun(t, b, "%%\nfmt.Println(who)", "b")
	mustRun(t, b, openModel(t), "3")
}

func TestSocketsAreTheUsersAlone(t *testing.T) {
	p := newPlace(t)
	p.start()
	sockets := 0
	for _, path := range p.files() {
		info, err := os.Lstat(path)
		if err != nil || info.Mode()&os.ModeSocket == 0 {
			continue
		}
		sockets++
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", path, info.Mode().Perm())
		}
		for dir := filepath.Dir(path); dir != p.dir; dir = filepath.Dir(dir) {
			if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("%s has mode %v, want 0700 (%v)", dir, info.Mode().Perm(), err)
			}
		}
	}
	if sockets < 6 { // the host's and gonb's five
		t.Errorf("%d sockets: this test tests nothing", sockets)
	}
}

func TestWarmCellStartsQuickly(t *testing.T) {
	s := kerneltest.Start(t)
	n := 5
	if os.Getenv("GOLENS_SLOW") != "" {
		n = 20
	}
	for i := range n { // what was declared before slows no cell
		mustRun(t, s, fmt.Sprintf("v%d := make([]float64, 100_000)\nfunc f%d() int { return %d }", i, i, i), "")
	}
	median := func(code, want string) time.Duration {
		var took []time.Duration
		for i := range n {
			start := time.Now()
			mustRun(t, s, fmt.Sprintf("%s // %d", code, i), want)
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		return took[n/2]
	}
	mustRun(t, s, openModel(t), "3")
	// 0.15 and 0.3 s, where go run takes 0.14 s for a program of one line. A machine that is
	// slow, or has other things to do, is so for all three.
	for range 6 {
		light, warm, yard := median("fmt.Println(f1())", "1"), median("fmt.Println(m.Config().Heads)", "4"), goRun(t, n)
		t.Logf("from request to idle, median of %d: a light cell %v, one that asks an open model %v, go run %v",
			n, light.Round(time.Millisecond), warm.Round(time.Millisecond), yard.Round(time.Millisecond))
		if light <= 4*yard && warm <= 6*yard {
			return
		}
	}
	t.Error("six times in a row cells took too long")
}

// goRun is what the go command takes for a program of one line, the median of n.
func goRun(t *testing.T, n int) time.Duration {
	t.Helper()
	var took []time.Duration
	for i := range n {
		dir := t.TempDir()
		program := fmt.Sprintf("package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(%d) }\n", i+int(time.Now().UnixNano())) // it is not known
		if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("go", "run", "main.go")
		cmd.Dir = dir
		start := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return took[n/2]
}

// Anybody may put a go.work into the temporary folder, above all cells.
func TestPlantedWorkspaceIsNotObeyed(t *testing.T) {
	p := newPlace(t)
	if err := os.WriteFile(filepath.Join(p.dir, "go.work"), []byte("this breaks every build that reads it"), 0o644); err != nil {
		t.Fatal(err)
	}
	mustRun(t, p.start(), "%%\nfmt.Println(1)", "1")
}

func TestHostRunsWithoutAsynchronousPreemption(t *testing.T) {
	p := newPlace(t)
	p.start(kerneltest.Env("GODEBUG=madvdontneed=1"))
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.find("golens-host").pid))
	if err != nil {
		t.Fatal(err)
	}
	if want := "\x00GODEBUG=madvdontneed=1,asyncpreemptoff=1\x00"; strings.Count(string(env), "\x00GODEBUG=") != 1 || !strings.Contains(string(env), want) {
		t.Errorf("the host's environment lacks %q:\n%q", want, env)
	}
}
