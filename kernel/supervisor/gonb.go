package supervisor

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/golens/golens/kernel/host"
	"github.com/golens/golens/kernel/internal/proc"
	"github.com/golens/golens/kernel/nb/keep"
	"github.com/golens/golens/kernel/shim"
	"github.com/golens/golens/kernel/toolchain"
	"github.com/golens/golens/kernel/wire"
)

// gonbProcess is a running gonb, the leader of a process group that holds the
// cell, builds and shells that it starts.
type gonbProcess struct {
	cmd   *exec.Cmd
	conn  wire.Connection
	log   *childLog
	heard chan struct{} // it has noticed an interrupt
	done  chan struct{} // closed when gonb has ended
	err   error         // why, once done is closed
}

// remark matches gonb's log lines that are not fatal. It writes some at each
// start, errors that are none among them.
var remark = regexp.MustCompile(`^[IWE]\d{4} `)

// noticed ends the line that gonb logs when it has told all that runs of an interrupt.
const noticed = " Signal interrupt received."

// hearing is how long gonb may take to notice an interrupt on a busy machine.
const hearing = 2 * time.Second

// startGonb prepares gonb's surroundings and starts it.
func startGonb(s *supervisor) (*gonbProcess, error) {
	if err := s.prepare(); err != nil {
		return nil, fmt.Errorf("preparing gonb: %w", err)
	}
	g := &gonbProcess{conn: wire.IPC(s.gonbPrefix()), heard: make(chan struct{}, 1), done: make(chan struct{})}
	// gonb takes the id that Jupyter knows the kernel by from the file's name.
	file := filepath.Join(s.work.Path, filepath.Base(s.cfg.ConnectionFile))
	if err := g.conn.Write(file); err != nil {
		return nil, err
	}
	// -raw_error: errors as text; the HTML form needs JupyterLab's style sheet.
	g.cmd = exec.Command(s.tools.Path(toolchain.Gonb), "-kernel", file, "-raw_error")
	g.cmd.Env = s.gonbEnv()
	debug := os.Getenv("GOLENS_DEBUG") != ""
	g.log = &childLog{name: "gonb", to: s.log, pick: func(line string) bool {
		return debug || strings.HasPrefix(line, "F") || strings.HasPrefix(line, "panic:") // klog's fatal lines
	}}
	g.log.drop = func(line string) bool {
		if strings.HasSuffix(line, noticed) {
			select {
			case g.heard <- struct{}{}:
			default:
			}
		}
		return !debug && remark.MatchString(line)
	}
	g.cmd.Stderr = g.log
	g.cmd.Stdout = g.log
	proc.Group(g.cmd, syscall.SIGTERM)
	if err := g.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting gonb: %w", err)
	}
	// Shells that gonb starts are known by their parent.
	if err := os.WriteFile(s.bashEnv(), []byte(bashEnv(g.cmd.Process.Pid)), 0o600); err != nil {
		proc.End(g.cmd.Process.Pid, 0)
		return nil, err
	}
	// A cell that goes on after gonb's end holds the log pipe open: do not wait
	// for that.
	g.cmd.WaitDelay = 100 * time.Millisecond
	go func() {
		g.err = g.cmd.Wait()
		// Whatever gonb had started goes with it.
		_ = proc.Signal(g.cmd.Process.Pid, syscall.SIGKILL)
		close(g.done)
	}()
	return g, nil
}

// bashEnv is what every bash reads first: those started by gonb leave their
// exit status behind when they fail, and do nothing if an earlier one of the
// same cell has failed. The command of a ! line has the cell's standard input.
func bashEnv(gonb int) string {
	return fmt.Sprintf(`unset BASH_ENV
if [ "$PPID" = %d ]; then
  if [ -s "$%[2]s" ]; then exit 1; fi
  case $- in *c*) [ -e "$%[3]s/%[4]s" ] && exec <"$%[3]s/%[4]s" ;; esac
  trap '__golens=$?; [ $__golens -eq 0 ] || echo -n $__golens > "$%[2]s"' EXIT
fi
`, gonb, shim.EnvShellFailed, keep.Env, shim.StdinFile)
}

// prepare fills the work folder.
func (s *supervisor) prepare() error {
	for _, dir := range []string{s.shims(), s.cellModule(), s.temp(), s.cells()} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	links := map[string]string{"go": self, "goimports": self}
	if !s.cfg.NoGopls {
		links["gopls"] = self
	}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(s.shims(), name)); err != nil {
			return err
		}
	}
	mod, sum, err := s.tools.CellModule(s.ctx)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.cellModule(), "go.mod"), mod, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.cellModule(), "go.sum"), sum, 0o600)
}

// gonbEnv is the environment of gonb and of all that it starts.
func (s *supervisor) gonbEnv() []string {
	path := os.Getenv("PATH")
	return append(os.Environ(),
		"PATH="+s.shims()+string(os.PathListSeparator)+path,
		"TMPDIR="+s.temp(), // gonb's folder, its pipes and the go command's work go with the kernel
		"BASH_ENV="+s.bashEnv(),
		host.SocketEnv+"="+s.hostSocket(),
		toolchain.SourceEnv+"="+s.tools.Source.Dir,
		shim.EnvGo+"="+s.tools.Go,
		shim.EnvGoimports+"="+s.tools.Path(toolchain.Goimports),
		keep.Env+"="+s.cells(),
		shim.EnvGopls+"="+s.tools.Path(toolchain.Gopls),
		shim.EnvCellModule+"="+s.cellModule(),
		shim.EnvShellFailed+"="+s.shellFailed(),
		shim.EnvBasePath+"="+path,
		"GOLENS_KERNEL=1",
	)
}

// interrupt sends SIGINT to gonb, which forgets the rest of the cell, and to
// the build, cell or shell that it runs.
func (g *gonbProcess) interrupt() {
	select {
	case <-g.heard: // of one that nobody waited for
	default:
	}
	_ = proc.Signal(g.cmd.Process.Pid, syscall.SIGINT)
}

// hear waits until gonb has noticed an interrupt: one that comes late stops the cell
// after the one that it was for.
func (g *gonbProcess) hear() {
	select {
	case <-g.heard:
	case <-g.done:
	case <-time.After(hearing):
	}
}

// end lets gonb remove its files and end its gopls, then kills what is left.
func (g *gonbProcess) end() {
	// 2 s: gonb needs a few milliseconds; Jupyter waits 5 s for a kernel's end.
	proc.End(g.cmd.Process.Pid, 2*time.Second)
	<-g.done
}

func (g *gonbProcess) tail() string { return g.log.tail() }
