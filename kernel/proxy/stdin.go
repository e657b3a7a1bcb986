package proxy

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/golens/golens/kernel/shim"
	"github.com/golens/golens/kernel/wire"
)

// input is the standard input of a request's programs: a pipe that people fill
// by the front end's input box, or nothing where it has none.
type input struct {
	pipe   *os.File
	values chan string // what people have typed
	cancel context.CancelFunc
	done   chan struct{}
}

// The pace at which it is looked whether a program waits for input: less than a
// person notices. A program that waits twice in a row does not just pass by.
const inputPace = 50 * time.Millisecond

// speaksOfInput matches cells that may read standard input, where nobody sees
// whether they do.
var speaksOfInput = regexp.MustCompile(`Scan|Stdin|(?m)^!`)

// openInput gives the request's programs their standard input, and returns what
// takes it away.
func (p *Proxy) openInput(r *request, allowed bool) (end func()) {
	link, fifo := filepath.Join(p.cells.Dir, shim.StdinFile), filepath.Join(p.cells.Dir, "input")
	os.Remove(link)
	os.Remove(fifo)
	var in *input
	if allowed && (seesWaiting || speaksOfInput.MatchString(p.history.code(r.count))) {
		var err error
		if in, err = newInput(fifo); err != nil {
			p.hooks.Log("standard input: %v", err)
		}
	}
	target := os.DevNull
	if in != nil {
		target = fifo
	}
	if err := os.Symlink(target, link); err != nil {
		p.hooks.Log("standard input: %v", err)
	}
	if in == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(p.ctx)
	in.cancel = cancel
	p.mu.Lock()
	p.input = in
	p.mu.Unlock()
	go p.prompt(ctx, r, in, fifo)
	return func() {
		p.mu.Lock()
		p.input = nil
		p.mu.Unlock()
		cancel()
		<-in.done
		in.pipe.Close()
	}
}

func newInput(fifo string) (*input, error) {
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		return nil, err
	}
	// Open for both, it has a writer as long as the request lasts.
	pipe, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &input{pipe: pipe, values: make(chan string, 1), done: make(chan struct{})}, nil
}

// prompt opens the front end's input box whenever a program waits for input.
func (p *Proxy) prompt(ctx context.Context, r *request, in *input, fifo string) {
	defer close(in.done)
	tick := time.NewTicker(inputPace)
	defer tick.Stop()
	before := false
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := waits(p.hooks.Group(), fifo)
		if !now || !before {
			before = now
			continue
		}
		before = false
		m := wire.New("input_request", p.session, r.msg, map[string]any{"prompt": "", "password": false})
		m.Identities = r.msg.Identities
		if err := p.front.stdin.Send(m); err != nil {
			p.hooks.Log("asking for input: %v", err)
			return
		}
		select {
		case v := <-in.values:
			if _, err := in.pipe.WriteString(strings.TrimSuffix(v, "\n") + "\n"); err != nil {
				p.hooks.Log("passing on input: %v", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// typed takes what a person has typed, if it was asked for by prompt.
func (p *Proxy) typed(m *wire.Message) bool {
	p.mu.Lock()
	in := p.input
	p.mu.Unlock()
	var c struct {
		Value string `json:"value"`
	}
	if in == nil || json.Unmarshal(m.Content, &c) != nil {
		return false
	}
	select {
	case in.values <- c.Value:
	default: // nobody has asked
	}
	return true
}
