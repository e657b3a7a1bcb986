package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/golens/golens/kernel/build"
	"github.com/golens/golens/kernel/internal/rundir"
	"github.com/golens/golens/kernel/proxy"
	"github.com/golens/golens/kernel/toolchain"
	"github.com/golens/golens/kernel/wire"
)

// Config says how a kernel is run.
type Config struct {
	ConnectionFile string    // written by the client that starts the kernel
	NoGopls        bool      // run without completion and inspection, which saves its build and memory
	Log            io.Writer // for lines to the server's log; nil: os.Stderr
}

// supervisor is a running kernel.
type supervisor struct {
	cfg     Config
	ctx     context.Context
	log     *logger
	proxy   *proxy.Proxy
	sockets *rundir.Dir // sockets
	work    *rundir.Dir // gonb's temporary files, shims, go.mod for cells
	tools   *toolchain.Toolchain

	mu       sync.Mutex // guards what follows
	host     *hostProcess
	gonb     *gonbProcess
	builder  *build.Builder
	stopping bool // nothing more may be started

	building   context.Context // ends when builds are to stop
	endBuild   context.CancelFunc
	stopOnce   sync.Once
	everything chan struct{} // closed when gonb and the host are gone
}

// Run runs a kernel until a client shuts it down, it is told to end by a signal,
// or gonb is gone.
func Run(ctx context.Context, cfg Config) error {
	if cfg.Log == nil {
		cfg.Log = os.Stderr
	}
	front, err := wire.ReadConnection(cfg.ConnectionFile)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &supervisor{cfg: cfg, ctx: ctx, log: &logger{w: cfg.Log}, everything: make(chan struct{})}
	s.building, s.endBuild = context.WithCancel(ctx)
	defer s.endBuild()
	signals := make(chan os.Signal, 4) // a few: none may be lost
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	if s.sockets, err = rundir.Sockets(); err != nil {
		return err
	}
	defer s.sockets.Remove()
	if s.work, err = rundir.Work(); err != nil {
		return err
	}
	defer s.work.Remove()

	tools, toolsErr := toolchain.Find(ctx)
	s.tools = tools
	s.proxy, err = proxy.Listen(ctx, front, proxy.Hooks{
		Interrupt:   s.interrupt,
		Group:       s.group,
		Shutdown:    func(bool) { s.stop() },
		ShellStatus: s.shellStatus,
		Provenance:  s.provenance,
		GoVersion:   s.goVersion,
		Log:         s.log.printf,
	})
	if err != nil {
		return err
	}
	defer s.proxy.Close()
	defer s.stop()

	started := make(chan error, 1)
	go func() {
		err := toolsErr
		if err == nil {
			err = s.start()
		}
		if err != nil {
			s.log.printf("%v", err)
			s.proxy.Fail(err)
		}
		started <- err
	}()
	return s.wait(signals, started)
}

// parentCheck is how often the supervisor looks whether its client still runs.
const parentCheck = time.Second

// wait returns when the kernel is to end.
func (s *supervisor) wait(signals <-chan os.Signal, started <-chan error) error {
	parent := os.Getppid()
	tick := time.NewTicker(parentCheck)
	defer tick.Stop()
	var gonbGone <-chan struct{}
	for {
		select {
		case sig := <-signals:
			if sig == os.Interrupt {
				s.proxy.Interrupt()
				continue
			}
			s.log.printf("ending: %v", sig)
			return nil
		case err := <-started:
			started = nil
			if err == nil {
				s.mu.Lock()
				gonbGone = s.gonb.done
				s.mu.Unlock()
			}
		case <-gonbGone:
			s.mu.Lock()
			g, told := s.gonb, s.stopping
			s.mu.Unlock()
			if told {
				gonbGone = nil // the answer to the shutdown is on its way
				continue
			}
			// The cell that ran is answered by the proxy, which saw gonb's
			// sockets close.
			return fmt.Errorf("gonb ended unexpectedly: %v%s", g.err, g.tail())
		case <-s.proxy.Ended():
			return nil
		case <-s.ctx.Done():
			return nil
		case <-tick.C:
			if os.Getppid() != parent {
				s.log.printf("ending: the program that started the kernel is gone")
				return nil
			}
		}
	}
}

// start builds what is missing and starts the host and gonb.
func (s *supervisor) start() error {
	programs := toolchain.All
	if s.cfg.NoGopls {
		programs = toolchain.ForCells
	}
	err := s.tools.Build(s.building, func(line string) {
		s.log.printf("%s", line)
		s.proxy.Notice("golens: " + line)
	}, programs...)
	if err != nil {
		return err
	}
	g, err := s.spawn()
	if err != nil {
		return err
	}
	back, err := proxy.Dial(s.ctx, g.conn)
	if err != nil {
		return fmt.Errorf("%w%s", err, g.tail())
	}
	// gonb makes its sockets with the mode of any file; so far their folder has
	// kept others out.
	sockets, _ := filepath.Glob(s.gonbPrefix() + "-*")
	for _, path := range sockets {
		if err := os.Chmod(path, 0o600); err != nil {
			return err
		}
	}
	s.proxy.Connect(back, s.cellTools())
	return nil
}

// cellTools is by what the proxy makes programs of cells.
func (s *supervisor) cellTools() proxy.Cells {
	b := build.New(build.Config{
		Go: s.tools.Go, Work: s.cells(), Warm: s.tools.CellImports(), Stamp: s.tools.CellStamp,
		Dir: func() (string, error) {
			found, _ := filepath.Glob(filepath.Join(s.temp(), "gonb_*", "go.mod"))
			if len(found) == 0 {
				return "", fmt.Errorf("the kernel's folder in %s is gone (do cells or a cleaner of temporary files remove it?): restart the kernel", s.temp())
			}
			return filepath.Dir(found[0]), nil
		},
	})
	go b.Refresh(s.ctx) // the first cell waits for the rest of it
	s.mu.Lock()
	s.builder = b
	s.mu.Unlock()
	return proxy.Cells{Builder: b, Dir: s.cells(), Gopls: !s.cfg.NoGopls, Models: s.tools.Models}
}

// spawn starts the host and gonb, unless the kernel is ending already.
func (s *supervisor) spawn() (*gonbProcess, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return nil, errors.New("the kernel is ending")
	}
	var err error
	if s.host, err = startHost(s); err != nil {
		return nil, err
	}
	if s.gonb, err = startGonb(s); err != nil {
		return nil, err
	}
	return s.gonb, s.writeGuard()
}

// stop ends gonb and the host, once, and returns when they are gone.
func (s *supervisor) stop() {
	s.stopOnce.Do(func() {
		defer close(s.everything)
		s.endBuild()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stopping = true
		os.Remove(s.guardFile()) // from here on the host need not clean up
		s.proxy.EndHelper()
		if s.gonb != nil {
			s.gonb.end()
		}
		if s.host != nil {
			s.host.end()
		}
		if s.builder != nil {
			s.builder.Close()
		}
	})
	<-s.everything
}

// interrupt stops what gonb is doing. It returns when gonb has noticed.
func (s *supervisor) interrupt() {
	s.mu.Lock()
	g := s.gonb
	if g == nil || s.stopping {
		s.mu.Unlock()
		return
	}
	g.interrupt()
	s.mu.Unlock()
	g.hear()
}

// group is the process group of gonb.
func (s *supervisor) group() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gonb == nil {
		return 0
	}
	return s.gonb.cmd.Process.Pid
}

// shellStatus returns and forgets what a failing ! line left.
func (s *supervisor) shellStatus() string {
	file := s.shellFailed()
	status, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.log.printf("%v", err)
	}
	return string(status)
}

func (s *supervisor) goVersion() string {
	if s.tools == nil {
		return "" // no go command was found: every cell will say so
	}
	return s.tools.Version()
}

// Files in the kernel's folders.
func (s *supervisor) hostSocket() string  { return filepath.Join(s.sockets.Path, "host.sock") }
func (s *supervisor) gonbPrefix() string  { return filepath.Join(s.sockets.Path, "g") }
func (s *supervisor) guardFile() string   { return filepath.Join(s.sockets.Path, "guard.json") }
func (s *supervisor) shellFailed() string { return filepath.Join(s.work.Path, "shell-failed") }
func (s *supervisor) bashEnv() string     { return filepath.Join(s.work.Path, "bash-env") }
func (s *supervisor) shims() string       { return filepath.Join(s.work.Path, "shims") }
func (s *supervisor) cellModule() string  { return filepath.Join(s.work.Path, "module") }
func (s *supervisor) cells() string       { return filepath.Join(s.work.Path, "cells") }
func (s *supervisor) temp() string        { return filepath.Join(s.work.Path, "tmp") }
