package proxy

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/golens/golens/kernel/cell"
	"github.com/golens/golens/kernel/gopls"
	"github.com/golens/golens/kernel/wire"
)

// Hooks are what a proxy asks of its supervisor. All may be called from any
// goroutine.
type Hooks struct {
	// Interrupt stops what gonb runs at the moment: a build, a cell, a ! line.
	// It returns when gonb has noticed: a late one would stop the next cell.
	Interrupt func()
	// Group is the process group of gonb and of what it runs.
	Group func() int
	// Shutdown ends gonb and the host. It returns when they are gone.
	Shutdown func(restart bool)
	// ShellStatus returns the exit status that a failing ! line of the running
	// cell has left, or "", and forgets it.
	ShellStatus func() string
	// Provenance returns, as a JSON object, what the model host says of the
	// models that it was asked for.
	Provenance func() (json.RawMessage, error)
	// GoVersion is reported as the language's version.
	GoVersion func() string
	// Log gets one line for each thing worth a server administrator's time.
	Log func(format string, args ...any)
}

// Proxy relays between Jupyter and gonb. Make one with Listen.
type Proxy struct {
	front   *front
	hooks   Hooks
	session string
	ctx     context.Context
	cancel  context.CancelFunc
	queue   queue
	history history
	comms   comms

	// What follows is of the goroutine that answers the shell's requests.
	cells   Cells
	helper  *gopls.Client // nil if there is none; set before helped is closed
	state   *cell.State
	told    map[string]int // variables made again of which it was told, and their cells
	goflags bool           // %goflags has set some

	// turn is held while gonb is interrupted and while another request becomes
	// the running one: an interrupt never reaches the one after.
	turn sync.Mutex

	mu      sync.Mutex
	back    *Back
	ready   chan struct{} // closed once back or failure is set
	failure error         // why there is no back
	running *request      // what gonb works on, nil between requests
	input   *input        // its standard input, nil if nothing can be typed
	endDial func()        // ends the wait for the language server, nil without one
	notices []string      // lines for people who wait for the first cell

	helped  chan struct{} // closed once the language server answers, or will not
	ended   chan struct{} // closed after a shutdown was answered
	endOnce sync.Once
}

// Listen opens the sockets of conn and begins to answer. Requests for gonb wait
// until Connect or Fail is called.
func Listen(ctx context.Context, conn wire.Connection, hooks Hooks) (*Proxy, error) {
	ctx, cancel := context.WithCancel(ctx)
	f, err := listen(ctx, conn, sparse(hooks.Log))
	if err != nil {
		cancel()
		return nil, err
	}
	p := &Proxy{
		front: f, hooks: hooks, session: wire.NewID(),
		ctx: ctx, cancel: cancel,
		queue: newQueue(),
		state: cell.NewState(), told: map[string]int{},
		ready: make(chan struct{}),
		ended: make(chan struct{}), helped: make(chan struct{}),
	}
	p.history.session = 1
	go p.receive(f.shell, p.onShell)
	go p.receive(f.control, p.onControl)
	go p.receive(f.stdin, p.onStdin)
	go p.work()
	p.publish("status", nil, status{"starting"})
	return p, nil
}

// status is the content of a status message.
type status struct {
	State string `json:"execution_state"`
}

func (p *Proxy) receive(s *wire.Socket, f func(*wire.Message)) {
	log := sparse(p.hooks.Log)
	_ = s.Each(f, func(err error) { log("dropped a message: %v", err) })
}

// Connect gives the proxy the gonb that it relays to, and what makes programs of
// cells.
func (p *Proxy) Connect(b *Back, cells Cells) {
	p.mu.Lock()
	p.back, p.cells = b, cells
	p.mu.Unlock()
	go p.relayPublished(b)
	go p.relayPrompts(b)
	if cells.Gopls {
		ctx, cancel := context.WithCancel(p.ctx)
		p.mu.Lock()
		p.endDial = cancel
		p.mu.Unlock()
		go p.dialGopls(ctx)
	}
	close(p.ready)
}

// Fail tells the proxy that there will be no gonb: every cell fails with err.
func (p *Proxy) Fail(err error) {
	p.mu.Lock()
	p.failure = err
	p.mu.Unlock()
	close(p.ready)
}

// Notice shows a line, such as the progress of a build, to whoever waits for a
// cell now, or will while the kernel is still starting.
func (p *Proxy) Notice(line string) {
	p.mu.Lock()
	r := p.running
	if r == nil {
		p.notices = append(p.notices, line)
	}
	p.mu.Unlock()
	if r != nil {
		p.notice(r, line)
	}
}

// notice shows a line about the kernel's start as output of r.
func (p *Proxy) notice(r *request, line string) {
	p.mu.Lock()
	r.noticed = true
	p.mu.Unlock()
	p.stream(r.msg, "stderr", line+"\n")
}

// Ended is closed once a shutdown request has been answered.
func (p *Proxy) Ended() <-chan struct{} { return p.ended }

// Close sends what is queued and closes the sockets.
func (p *Proxy) Close() {
	p.front.close()
	p.cancel()
	p.mu.Lock()
	if p.back != nil {
		p.back.Close()
	}
	p.mu.Unlock()
}

// publish sends a message on iopub in answer to parent.
func (p *Proxy) publish(msgType string, parent *wire.Message, content any) {
	p.broadcast(wire.New(msgType, p.session, parent, content))
}

// broadcast sends m on iopub under the topic that Jupyter's tools expect.
func (p *Proxy) broadcast(m *wire.Message) {
	m.Identities = [][]byte{[]byte("kernel." + p.session + "." + m.Header.MsgType)}
	if err := p.front.iopub.Send(m); err != nil && p.ctx.Err() == nil {
		p.hooks.Log("publishing %s: %v", m.Header.MsgType, err)
	}
}

// reply answers parent on the channel that it came from.
func (p *Proxy) reply(on *wire.Socket, msgType string, parent *wire.Message, content any) {
	if err := on.Send(wire.New(msgType, p.session, parent, content)); err != nil && p.ctx.Err() == nil {
		p.hooks.Log("replying %s: %v", msgType, err)
	}
}

// stream publishes text as output of parent.
func (p *Proxy) stream(parent *wire.Message, name, text string) {
	p.publish("stream", parent, streamContent{name, text})
}

type streamContent struct {
	Name string `json:"name"`
	Text string `json:"text"`
}
