package proxy

import (
	"strings"
	"time"

	"github.com/golens/golens/kernel/wire"
)

// onShell takes a message of the shell channel.
func (p *Proxy) onShell(m *wire.Message) {
	switch m.Header.MsgType {
	case "comm_open", "comm_msg", "comm_close":
		// Widgets talk while cells run: no queue.
		if id, ok := toNobody(m); ok { // whoever has opened it need not wait
			p.publish("comm_close", m, map[string]any{"comm_id": id, "data": struct{}{}})
			return
		}
		p.comms.note(m)
		if b := p.current(); b != nil {
			_ = b.send(m)
		}
	case "shutdown_request":
		p.shutdown(p.front.shell, m)
	default:
		p.queue.push(m)
	}
}

// onControl takes a message of the control channel.
func (p *Proxy) onControl(m *wire.Message) {
	switch m.Header.MsgType {
	case "interrupt_request":
		p.publish("status", m, status{"busy"})
		p.Interrupt()
		p.reply(p.front.control, "interrupt_reply", m, ok{"ok"})
		p.publish("status", m, status{"idle"})
	case "shutdown_request":
		p.shutdown(p.front.control, m)
	case "kernel_info_request":
		p.publish("status", m, status{"busy"})
		p.reply(p.front.control, "kernel_info_reply", m, p.kernelInfo())
		p.publish("status", m, status{"idle"})
	case "golens_provenance_request":
		go p.provenance(m) // the host may be slow, and interrupts must not wait
	default:
		p.publish("status", m, status{"busy"})
		p.refuse(p.front.control, m)
		p.publish("status", m, status{"idle"})
	}
}

// refuse answers a request of a kind that there is not: its client may wait.
func (p *Proxy) refuse(on *wire.Socket, m *wire.Message) {
	kind, ok := strings.CutSuffix(m.Header.MsgType, "_request")
	if !ok || len(kind) > 64 {
		p.hooks.Log("no answer to a message that is none")
		return
	}
	p.reply(on, kind+"_reply", m, refusal{"error", say("NotSupported", "golens answers no "+m.Header.MsgType)})
}

// refusal is the content of a reply that says what went wrong.
type refusal struct {
	Status string `json:"status"`
	failure
}

// provenance answers what models the kernel's cells have used.
func (p *Proxy) provenance(m *wire.Message) {
	var answer any
	raw, err := p.hooks.Provenance()
	if err == nil {
		answer = raw
	} else {
		answer = say("NoProvenance", err.Error())
	}
	p.reply(p.front.control, "golens_provenance_reply", m, answer)
}

// onStdin takes an answer to a prompt of gonb's.
func (p *Proxy) onStdin(m *wire.Message) {
	if p.typed(m) {
		return
	}
	if b := p.current(); b != nil {
		_ = b.stdin.Send(m)
	}
}

// current returns the connection to gonb, or nil while there is none.
func (p *Proxy) current() *Back {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.back
}

// Interrupt stops the cell that runs, if any. Cells queued behind it are
// aborted with it.
func (p *Proxy) Interrupt() {
	p.mu.Lock()
	r := p.running
	p.mu.Unlock()
	if r == nil {
		return
	}
	if r.interrupt() {
		go p.insist(r)
	}
	p.signal(r)
}

// signal interrupts gonb if it still works on r.
func (p *Proxy) signal(r *request) {
	p.turn.Lock()
	defer p.turn.Unlock()
	select {
	case <-r.ended:
	default:
		p.hooks.Interrupt()
	}
}

// again is how long an interrupted request has to end before it is interrupted
// again. A shell that starts a program at the wrong moment takes an interrupt
// for itself, and goes on when the program does.
const again = time.Second

// insist interrupts r again until it ends.
func (p *Proxy) insist(r *request) {
	t := time.NewTicker(again)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			p.signal(r)
		case <-r.ended:
			return
		case <-p.ctx.Done():
			return
		}
	}
}

// shutdown ends the kernel's processes and answers.
func (p *Proxy) shutdown(on *wire.Socket, m *wire.Message) {
	var req struct {
		Restart bool `json:"restart"`
	}
	_ = m.Decode(&req) // without content: not a restart
	p.publish("status", m, status{"busy"})
	p.hooks.Shutdown(req.Restart)
	answer := map[string]any{"status": "ok", "restart": req.Restart}
	p.publish("shutdown_reply", m, answer)
	p.reply(on, "shutdown_reply", m, answer)
	p.publish("status", m, status{"idle"})
	p.queue.close()
	p.endOnce.Do(func() { close(p.ended) }) // it may be asked on both channels
}

// ok is the content of a reply that says no more.
type ok struct {
	Status string `json:"status"`
}

// work answers the shell channel's requests one after another.
func (p *Proxy) work() {
	for {
		item, more := p.queue.pop()
		if !more {
			return
		}
		m := item.msg
		p.publish("status", m, status{"busy"})
		switch m.Header.MsgType {
		case "execute_request":
			if item.aborted {
				p.reply(p.front.shell, "execute_reply", m, ok{"aborted"})
			} else {
				p.execute(m)
			}
		case "complete_request":
			p.answer("complete_reply", m, p.complete)
		case "inspect_request":
			p.answer("inspect_reply", m, p.inspect)
		case "kernel_info_request":
			p.reply(p.front.shell, "kernel_info_reply", m, p.kernelInfo())
		case "is_complete_request":
			p.answer("is_complete_reply", m, isComplete)
		case "history_request":
			p.answer("history_reply", m, p.history.answer)
		case "comm_info_request":
			p.answer("comm_info_reply", m, p.comms.answer)
		default:
			p.refuse(p.front.shell, m)
		}
		p.publish("status", m, status{"idle"})
	}
}

// answer answers a question.
func (p *Proxy) answer(kind string, m *wire.Message, to func(*wire.Message) any) {
	p.reply(p.front.shell, kind, m, p.unless(func() any { return to(m) }))
}

// unless is what f gives, or what its panic becomes.
func (p *Proxy) unless(f func() any) (content any) {
	defer func() {
		if e := recover(); e != nil {
			content = refusal{"error", p.fault(e)}
		}
	}()
	return f()
}

func emptyCompletion(m *wire.Message) map[string]any {
	var req struct {
		CursorPos int `json:"cursor_pos"`
	}
	_ = m.Decode(&req)
	return map[string]any{"status": "ok", "matches": []string{},
		"cursor_start": req.CursorPos, "cursor_end": req.CursorPos, "metadata": map[string]any{}}
}
