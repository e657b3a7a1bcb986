package proxy

import (
	"encoding/json"
	"regexp"
	"slices"

	"github.com/golens/golens/kernel/wire"
)

// MIMEError is the type under which package nb sends the error that ends a
// cell: the proxy makes it the error of the request.
const MIMEError = "text/vnd.golens.error"

// remark matches what gonb writes to a cell's stderr when its program ends with
// a failure. It comes as a message of its own.
var remark = regexp.MustCompile(`^(\^C\n)?(exit status \d+|signal: [a-z ]+( \(core dumped\))?)\n$`)

// runtimeSays matches what Go's runtime says before it names a fatal error.
var runtimeSays = regexp.MustCompile(`(?m)^(runtime: |unexpected fault address |\[signal )`)

// stacks matches a part of what a Go program says of its goroutines when it panics.
var stacks = regexp.MustCompile(`(?m)^(goroutine \d+.* \[.*\]:|\t\S+:\d+ \+0x[0-9a-f]+)$`)

// relayPublished passes on what gonb publishes.
func (p *Proxy) relayPublished(b *Back) {
	for {
		select {
		case m := <-b.published:
			p.relayOne(m)
		case <-b.lost:
			return
		case <-p.ctx.Done():
			return
		}
	}
}

// relayOne passes on one message, or keeps what must be told otherwise.
func (p *Proxy) relayOne(m *wire.Message) {
	p.mu.Lock()
	r := p.running
	p.mu.Unlock()
	mine := r != nil && m.ParentID() == r.msg.Header.MsgID
	if m.Header.MsgType == "status" {
		if mine && isIdle(m) {
			r.becomesIdle()
		}
		return // the proxy has its own
	}
	if !mine {
		p.broadcast(m) // a late display of an earlier cell, a comm
		return
	}
	if !r.take(m) {
		return
	}
	p.release(r)
	switch m.Header.MsgType {
	case "execute_input":
		return // the proxy has its own
	case "comm_open", "comm_close":
		p.comms.note(m)
	}
	p.show(r, m)
}

// becomesIdle notes that gonb has published all of what it was asked last.
func (r *request) becomesIdle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.idled {
		r.idled = true
		close(r.idle)
	}
}

func isIdle(m *wire.Message) bool {
	var s status
	return json.Unmarshal(m.Content, &s) == nil && s.State == "idle"
}

// take looks at a message of r's before it is passed on, and reports whether it
// is to be passed on now.
func (r *request) take(m *wire.Message) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch m.Header.MsgType {
	case "error":
		return false // gonb's reply says the same
	case "stream":
		var s streamContent
		if json.Unmarshal(m.Content, &s) != nil || s.Name != "stderr" {
			return true
		}
		r.seen.stderr.add(s.Text)
		if len(r.held) > 0 || remark.MatchString(s.Text) || panicLine.MatchString(s.Text) || runtimeSays.MatchString(s.Text) {
			if r.heldSize += len(m.Content); r.heldSize > heldLimit {
				return !stacks.MatchString(s.Text) // else the error tells which of thousands counts
			}
			r.held = append(r.held, m)
			return false
		}
	case "display_data":
		var d struct {
			Data map[string]json.RawMessage `json:"data"`
		}
		if json.Unmarshal(m.Content, &d) != nil {
			return true
		}
		if raw, ok := d.Data[MIMEError]; ok {
			var text string
			if json.Unmarshal(raw, &text) == nil {
				r.seen.must = text
			}
			return false
		}
	}
	return true
}

// forget drops of the lines that were held back those that the cell's error
// tells: all of them if it tells of a panic, else gonb's remark.
func (r *request) forget(all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = slices.DeleteFunc(r.held, func(m *wire.Message) bool {
		var s streamContent
		return all || json.Unmarshal(m.Content, &s) == nil && remark.MatchString(s.Text)
	})
}

// release publishes the lines that were held back: the cell went on after them
// or ended well, so they were its own.
func (p *Proxy) release(r *request) {
	r.mu.Lock()
	held := r.held
	r.held, r.heldSize = nil, 0
	r.mu.Unlock()
	for _, m := range held {
		p.show(r, m)
	}
}

// relayPrompts passes on what gonb asks of the person.
func (p *Proxy) relayPrompts(b *Back) {
	for {
		select {
		case m := <-b.prompts:
			if err := p.front.stdin.Send(m); err != nil {
				p.hooks.Log("asking for input: %v", err)
			}
		case <-b.lost:
			return
		case <-p.ctx.Done():
			return
		}
	}
}
