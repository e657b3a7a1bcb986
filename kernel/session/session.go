package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/golens/golens/kernel/internal/proc"
	"github.com/golens/golens/kernel/internal/rundir"
	"github.com/golens/golens/kernel/wire"
	"github.com/golens/golens/kernel/wire/zmtp"
)

// Config says which kernel to start and how.
type Config struct {
	Command []string  // the kernel's program and arguments; "{connection_file}" is replaced
	Dir     string    // working directory of the cells; "": this process's
	Env     []string  // added to this process's environment
	Log     io.Writer // the kernel's log; nil: dropped
	// Ready bounds the wait for the kernel's first answer; 0: three minutes. A
	// golens kernel answers while its programs are still being built.
	Ready time.Duration
}

// Session is a running kernel and the connection to it.
type Session struct {
	cmd     *exec.Cmd
	dir     *rundir.Dir
	exited  chan struct{}
	exitErr error
	tail    tail

	ctx                 context.Context
	cancel              context.CancelFunc
	id                  string
	shell, control      *wire.Socket
	stdin               *wire.Socket
	iopub               *wire.Socket
	published           chan *wire.Message
	replies, ctlReplies chan *wire.Message
	prompts             chan *wire.Message
	closeOnce           sync.Once
	Info                Info // what the kernel says of itself
}

// Info is the part of a kernel_info_reply that is of use here.
type Info struct {
	Implementation string         `json:"implementation"`
	Version        string         `json:"implementation_version"`
	Language       map[string]any `json:"language_info"`
	Banner         string         `json:"banner"`
}

// Start starts a kernel and waits until it answers.
func Start(ctx context.Context, cfg Config) (*Session, error) {
	if len(cfg.Command) == 0 {
		return nil, errors.New("session: no kernel command")
	}
	dir, err := rundir.Sockets()
	if err != nil {
		return nil, err
	}
	s := &Session{dir: dir, id: wire.NewID(), exited: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(ctx)
	conn := wire.IPC(filepath.Join(dir.Path, "s"))
	file := filepath.Join(dir.Path, "kernel-"+s.id+".json")
	if err := conn.Write(file); err != nil {
		dir.Remove()
		return nil, err
	}
	args := make([]string, len(cfg.Command))
	for i, a := range cfg.Command {
		args[i] = strings.ReplaceAll(a, "{connection_file}", file)
	}
	s.cmd = exec.Command(args[0], args[1:]...)
	s.cmd.Dir = cfg.Dir
	s.cmd.Env = append(os.Environ(), cfg.Env...)
	s.tail.to = cfg.Log
	s.cmd.Stdout, s.cmd.Stderr = &s.tail, &s.tail
	s.cmd.WaitDelay = 100 * time.Millisecond // a stray grandchild may hold the log open
	proc.Group(s.cmd, syscall.SIGTERM)
	if err := s.cmd.Start(); err != nil {
		dir.Remove()
		return nil, fmt.Errorf("starting the kernel: %w", err)
	}
	go func() {
		s.exitErr = s.cmd.Wait()
		close(s.exited)
	}()
	ready := cfg.Ready
	if ready == 0 {
		ready = 3 * time.Minute
	}
	if err := s.connect(conn, ready); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// between is how long is waited before a question is asked again: short against
// a kernel's start, long against the time of an answer.
const between = 50 * time.Millisecond

// connect dials the kernel's sockets and asks for kernel_info until the answer
// and its status on iopub have come: only then no output can be missed.
func (s *Session) connect(conn wire.Connection, ready time.Duration) error {
	deadline := time.After(ready)
	if err := s.listening(conn, deadline); err != nil {
		return err
	}
	for _, d := range []struct {
		to   **wire.Socket
		kind zmtp.Kind
		port int
	}{{&s.iopub, zmtp.Sub, conn.IOPubPort}, {&s.shell, zmtp.Dealer, conn.ShellPort}, {&s.control, zmtp.Dealer, conn.ControlPort},
		{&s.stdin, zmtp.Dealer, conn.StdinPort}} {
		socket, err := conn.Dial(s.ctx, d.kind, d.port, s.id, ready)
		if err != nil {
			return s.dead(fmt.Errorf("connecting to the kernel: %w", err))
		}
		*d.to = socket
	}
	s.published, s.replies, s.ctlReplies, s.prompts = s.pump(s.iopub), s.pump(s.shell), s.pump(s.control), s.pump(s.stdin)
	asked, answered, heard := 0, 0, false
	tick := time.NewTicker(between)
	defer tick.Stop()
	for !heard || answered < asked || asked == 0 {
		if answered == asked && !heard {
			asked++
			if err := s.shell.Send(wire.New("kernel_info_request", s.id, nil, struct{}{})); err != nil {
				return s.dead(err)
			}
		}
		select {
		case m := <-s.published:
			heard = heard || m.ParentID() != ""
		case m := <-s.replies:
			answered++
			if err := m.Decode(&s.Info); err != nil {
				return err
			}
			select { // its status may still be on the way
			case m := <-s.published:
				heard = heard || m.ParentID() != ""
			case <-tick.C:
			}
		case <-s.exited:
			return s.dead(nil)
		case <-deadline:
			return s.dead(fmt.Errorf("the kernel did not answer within %v", ready))
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
	return nil
}

// listening waits until the kernel has opened its last socket.
func (s *Session) listening(conn wire.Connection, deadline <-chan time.Time) error {
	for {
		all := true
		for _, port := range []int{conn.ShellPort, conn.ControlPort, conn.IOPubPort, conn.HBPort} {
			if _, err := os.Stat(fmt.Sprintf("%s-%d", conn.IP, port)); err != nil {
				all = false
			}
		}
		if all {
			return nil
		}
		select {
		case <-time.After(between / 5):
		case <-s.exited:
			return s.dead(nil)
		case <-deadline:
			return s.dead(errors.New("the kernel did not open its sockets in time"))
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
}

// pump returns a channel of the socket's messages. It holds many: a client that
// is slow to read must not stop a kernel from publishing.
func (s *Session) pump(from *wire.Socket) chan *wire.Message {
	c := make(chan *wire.Message, 1024)
	go func() {
		_ = from.Each(func(m *wire.Message) {
			select {
			case c <- m:
			case <-s.ctx.Done():
			}
		}, nil)
	}()
	return c
}

// dead describes the end of the kernel, or returns err if it still runs.
func (s *Session) dead(err error) error {
	select {
	case <-s.exited:
		return fmt.Errorf("%w (%v)%s", ErrDead, s.exitErr, s.tail.lines())
	default:
		return err
	}
}

// ErrDead is wrapped by errors that come of the kernel's end.
var ErrDead = errors.New("the kernel ended")

// Interrupt asks the kernel to stop the cell that runs.
func (s *Session) Interrupt() error {
	return s.control.Send(wire.New("interrupt_request", s.id, nil, struct{}{}))
}

// shutdownPatience is how long a kernel has to end before it is killed: what
// Jupyter gives.
const shutdownPatience = 5 * time.Second

// Close shuts the kernel down and returns when its process is gone.
func (s *Session) Close() error {
	s.closeOnce.Do(func() {
		defer s.dir.Remove()
		defer s.cancel()
		if s.control != nil && s.ctx.Err() == nil { // else the way to it is closed: a signal must do
			_ = s.control.Send(wire.New("shutdown_request", s.id, nil, map[string]any{"restart": false}))
			select {
			case <-s.exited:
			case <-time.After(shutdownPatience):
			}
		}
		proc.End(s.cmd.Process.Pid, shutdownPatience)
		<-s.exited
		if s.control != nil {
			s.shell.Close()
			s.control.Close()
			s.iopub.Close()
		}
	})
	return nil
}
