package proxy

import (
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/golens/golens/kernel/wire"
)

// request is what gonb works on.
type request struct {
	msg   *wire.Message
	start time.Time
	count int
	stop  chan struct{} // closed by the first interrupt
	ended chan struct{} // closed when the request is answered

	noticed bool // lines about the kernel's start were shown; guarded by Proxy.mu

	mu          sync.Mutex
	idle        chan struct{} // closed when gonb has published all output of it
	idled       bool          // it is closed
	interrupted bool
	seen        outcome
	held        []*wire.Message // lines that the error may tell better: gonb's remark, a panic
	heldSize    int             // of their content
	shown       shown
}

func newRequest(m *wire.Message) *request {
	return &request{msg: m, start: time.Now(), idle: make(chan struct{}), stop: make(chan struct{}), ended: make(chan struct{})}
}

// interrupt notes that r is to stop, and reports whether that is news.
func (r *request) interrupt() (first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.interrupted {
		return false
	}
	r.interrupted = true
	close(r.stop)
	return true
}

// execute runs a cell and answers the request.
func (p *Proxy) execute(m *wire.Message) {
	req, err := parseExecute(m)
	if err != nil {
		p.fail(m, 0, req, say("BadRequest", err.Error()))
		return
	}
	r := newRequest(m)
	r.count = p.history.add(req)
	p.begin(r)
	defer p.begin(nil)

	b, err := p.waitBack(r)
	if errors.Is(err, errInterrupted) {
		p.fail(m, r.count, req, say("Interrupted", "the kernel is still starting; its start goes on"))
		return
	}
	if err != nil {
		p.inputEcho(r, req)
		p.fail(m, r.count, req, say("KernelNotReady", err.Error()))
		return
	}
	p.inputEcho(r, req)
	endInput := p.openInput(r, req.AllowStdin)
	f, alive := p.runCell(b, r, req)
	endInput()
	switch {
	case !alive:
		p.fail(m, r.count, req, say("KernelDied",
			"gonb, which runs the cells, ended while this one ran. Restart the kernel."))
	case f != nil:
		r.forget(f.stack)
		p.release(r)
		p.fail(m, r.count, req, *f)
	default:
		p.release(r)
		p.reply(p.front.shell, "execute_reply", m, map[string]any{
			"status": "ok", "execution_count": r.count,
			"payload": []any{}, "user_expressions": map[string]any{}})
	}
}

// ask lets gonb run code for r, and says how it failed, if it did. alive is
// false if gonb is gone.
func (p *Proxy) ask(b *Back, r *request, req gonbExecute, code string) (failed *failure, alive bool) {
	p.hooks.ShellStatus() // forget what an earlier cell left
	r.mu.Lock()
	if r.interrupted {
		r.mu.Unlock()
		f := say("Interrupted", interruptedAfter(time.Since(r.start)))
		return &f, true
	}
	idle := make(chan struct{})
	r.idle, r.idled = idle, false
	r.seen = outcome{}
	r.mu.Unlock()
	req.Code = code
	m := *r.msg
	m.SetContent(req)
	if b.send(&m) != nil {
		return nil, false
	}
	reply, alive := p.await(b, r.msg.Header.MsgID, idle)
	if !alive {
		return nil, false
	}
	r.mu.Lock()
	seen := r.seen
	seen.interrupted = r.interrupted
	r.mu.Unlock()
	seen.gonb = gonbError(reply)
	seen.shell = p.hooks.ShellStatus()
	seen.took = time.Since(r.start)
	if f, failed := explain(seen); failed {
		return &f, true
	}
	return nil, true
}

// begin makes r what an interrupt stops, nil for nothing.
func (p *Proxy) begin(r *request) {
	p.turn.Lock()
	defer p.turn.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running != nil {
		close(p.running.ended)
	}
	p.running = r
}

// errInterrupted: the person did not want to wait for the kernel's start.
var errInterrupted = errors.New("interrupted")

// waitBack waits until gonb can be asked, and shows meanwhile why it cannot.
func (p *Proxy) waitBack(r *request) (*Back, error) {
	p.mu.Lock()
	lines := p.notices
	p.notices = nil
	p.mu.Unlock()
	select {
	case <-p.ready: // no need to know any more
	default:
		for _, line := range lines {
			p.notice(r, line)
		}
	}
	select {
	case <-p.ready:
	case <-r.stop:
		return nil, errInterrupted
	case <-p.ctx.Done():
		return nil, p.ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.noticed && p.failure == nil {
		// What was built is of no interest once it stands.
		p.publish("clear_output", r.msg, map[string]bool{"wait": false})
	}
	return p.back, p.failure
}

// inputEcho publishes the cell's code, where gonb does not.
func (p *Proxy) inputEcho(r *request, req gonbExecute) {
	if !req.Silent {
		p.publish("execute_input", r.msg, map[string]any{"code": req.Code, "execution_count": r.count})
	}
}

// await returns gonb's reply to the request of that id once idle is closed, as
// all output of it was published, or false if gonb is gone. Nobody waits for a
// nil idle.
func (p *Proxy) await(b *Back, id string, idle <-chan struct{}) (*wire.Message, bool) {
	var reply *wire.Message
	for reply == nil || idle != nil {
		select {
		case m := <-b.replies:
			if m.ParentID() == id {
				reply = m
			}
		case <-idle:
			idle = nil
		case <-b.lost:
			return nil, false
		case <-p.ctx.Done():
			return nil, false
		}
	}
	return reply, true
}

// fail publishes and replies a failure, and aborts the cells that wait if the
// request says so.
func (p *Proxy) fail(m *wire.Message, count int, req gonbExecute, f failure) {
	if !req.Silent {
		p.publish("error", m, f)
	}
	if req.StopOnError {
		p.queue.abort()
	}
	p.reply(p.front.shell, "execute_reply", m, struct {
		Status string `json:"status"`
		Count  int    `json:"execution_count"`
		failure
		Payload []any `json:"payload"`
	}{"error", count, f, []any{}})
}

// gonbError returns the error in gonb's reply, nil if there is none.
func gonbError(reply *wire.Message) *failure {
	var c struct {
		Status string `json:"status"`
		failure
	}
	if err := json.Unmarshal(reply.Content, &c); err != nil || c.Status != "error" {
		return nil
	}
	return &c.failure
}
