package supervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/golens/golens/kernel/host"
	"github.com/golens/golens/kernel/internal/proc"
	"github.com/golens/golens/kernel/toolchain"
)

// hostProcess keeps a model host running. The socket is the supervisor's: while
// a host is being replaced, clients wait in its queue.
type hostProcess struct {
	sup      *supervisor
	listener *net.UnixListener
	file     *os.File // the listener's, for hosts to inherit
	quit     chan struct{}
	quitOnce sync.Once
	gone     chan struct{} // closed when the last host has ended
}

// startHost opens the socket and starts a host.
func startHost(s *supervisor) (*hostProcess, error) {
	l, err := host.Listen(s.hostSocket())
	if err != nil {
		return nil, fmt.Errorf("socket of the model host: %w", err)
	}
	f, err := l.File()
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("socket of the model host: %w", err)
	}
	h := &hostProcess{sup: s, listener: l, file: f, quit: make(chan struct{}), gone: make(chan struct{})}
	run, err := h.spawn()
	if err != nil {
		l.Close()
		f.Close()
		return nil, err
	}
	go h.keep(run)
	return h, nil
}

// hostRun is one host's life.
type hostRun struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser // closing it ends the host
	log   *childLog
	start time.Time
}

func (h *hostProcess) spawn() (*hostRun, error) {
	s := h.sup
	r := &hostRun{start: time.Now()}
	r.cmd = exec.Command(s.tools.Path(toolchain.Host), "-fd", "3", "-guard", s.guardFile())
	r.cmd.Env = append(host.Env(os.Environ()),
		host.SocketEnv+"="+s.hostSocket(), toolchain.SourceEnv+"="+s.tools.Source.Dir)
	r.cmd.ExtraFiles = []*os.File{h.file}
	r.log = &childLog{name: "host", to: s.log, pick: func(string) bool { return true }}
	r.cmd.Stdout, r.cmd.Stderr = r.log, r.log
	r.cmd.WaitDelay = 100 * time.Millisecond // see startGonb
	proc.Group(r.cmd, syscall.SIGTERM)
	var err error
	if r.stdin, err = r.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the model host: %w", err)
	}
	return r, nil
}

// A host that ends within brief of its start, many times in a row, is not
// started again until a client asks: it would only burn the processor.
const (
	brief = 5 * time.Second
	many  = 3
)

// keep replaces hosts that end until quit.
func (h *hostProcess) keep(run *hostRun) {
	defer close(h.gone)
	quick := 0
	for {
		ended := make(chan error, 1)
		go func() { ended <- run.cmd.Wait() }()
		select {
		case <-h.quit:
			run.end(ended)
			return
		case err := <-ended:
			_ = proc.Signal(run.cmd.Process.Pid, syscall.SIGKILL)
			h.sup.log.printf("the model host ended (%v); starting another", err)
			if quick++; time.Since(run.start) > brief {
				quick = 1
			}
			if quick >= many && !h.refuse(fmt.Sprintf("the model host ended %d times within seconds (%v)%s", quick, err, run.log.tail())) {
				return
			}
		}
		next, err := h.spawn()
		for err != nil {
			h.sup.log.printf("%v", err)
			if !h.refuse(err.Error()) {
				return
			}
			next, err = h.spawn()
		}
		run = next
	}
}

// refuse answers the next client that there is no host and why, so that it does
// not wait in vain, and reports false if the kernel ends first.
func (h *hostProcess) refuse(why string) bool {
	type result struct {
		conn net.Conn
		err  error
	}
	got := make(chan result, 1)
	go func() {
		c, err := h.listener.Accept()
		got <- result{c, err}
	}()
	select {
	case r := <-got:
		if r.err != nil {
			return false
		}
		// The request is read before it is answered: a close with unread bytes
		// would reset the connection and lose the answer. 64 KB and a second
		// are enough for the head of a request.
		_ = r.conn.SetDeadline(time.Now().Add(time.Second))
		_, _ = r.conn.Read(make([]byte, 64<<10))
		fmt.Fprintf(r.conn, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(why), why)
		r.conn.Close()
		return true
	case <-h.quit:
		h.listener.Close()
		return false
	}
}

// end closes the host's lifeline and kills it if it does not end.
func (r *hostRun) end(ended <-chan error) {
	r.stdin.Close()
	select {
	case <-ended:
	case <-time.After(time.Second): // three times the host's own grace
		_ = proc.Signal(r.cmd.Process.Pid, syscall.SIGKILL)
		<-ended
	}
}

// end ends the host for good.
func (h *hostProcess) end() {
	h.quitOnce.Do(func() { close(h.quit) })
	<-h.gone
	h.file.Close()
	h.listener.Close() // removes the socket
}

// askPatience bounds the wait for the host's word on its models, which it has
// at hand; the machine may be busy.
const askPatience = 40 * time.Second

// provenance asks the host which models it was asked for.
func (s *supervisor) provenance() (json.RawMessage, error) {
	client := http.Client{Timeout: askPatience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", s.hostSocket())
		},
	}}
	resp, err := client.Get("http://host/provenance")
	if err != nil {
		return nil, fmt.Errorf("the model host does not answer: %w", err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20)) // a megabyte holds thousands of models
	if err == nil && (resp.StatusCode != http.StatusOK || !json.Valid(raw)) {
		err = fmt.Errorf("the model host answers %s", resp.Status)
	}
	return raw, err
}

// writeGuard tells the host what to clean up if the supervisor is killed.
func (s *supervisor) writeGuard() error {
	return host.Remains{
		Groups:  []int{s.gonb.cmd.Process.Pid},
		Folders: []string{s.work.Path, s.sockets.Path},
	}.Write(s.guardFile())
}
