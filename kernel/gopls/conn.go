package gopls

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"sync"
)

// conn is a JSON-RPC connection as the language server protocol has it.
type conn struct {
	rw io.ReadWriteCloser

	write sync.Mutex
	mu    sync.Mutex
	last  int
	wait  map[int]chan message
	err   error // why the connection is gone
}

// message is a request, an answer or a notification.
type message struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  any             `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// errGone: the server has ended.
var errGone = errors.New("the language server is gone")

// maxMessage bounds an answer: completions of the largest package are far less.
const maxMessage = 64 << 20

func newConn(rw net.Conn) *conn {
	c := &conn{rw: rw, wait: map[int]chan message{}}
	go c.receive()
	return c
}

func (c *conn) receive() {
	r := bufio.NewReader(c.rw)
	for {
		m, err := read(r)
		if err != nil {
			c.mu.Lock()
			c.err = errGone
			for id, ch := range c.wait {
				delete(c.wait, id)
				close(ch)
			}
			c.mu.Unlock()
			return
		}
		if m.Method != "" {
			if m.ID != nil { // whatever the server asks for, it does without
				answer := any(nil)
				if m.Method == "workspace/configuration" {
					answer = []any{nil}
				}
				raw, _ := json.Marshal(answer)
				_ = c.send(message{ID: m.ID, Result: raw})
			}
			continue
		}
		var id int
		if json.Unmarshal(m.ID, &id) != nil {
			continue
		}
		c.mu.Lock()
		ch := c.wait[id]
		delete(c.wait, id)
		c.mu.Unlock()
		if ch != nil {
			ch <- m
		}
	}
}

func read(r *bufio.Reader) (m message, err error) {
	head, err := textproto.NewReader(r).ReadMIMEHeader()
	if err != nil {
		return m, err
	}
	n, err := strconv.Atoi(head.Get("Content-Length"))
	if err != nil || n < 0 || n > maxMessage {
		return m, fmt.Errorf("a message of %q bytes", head.Get("Content-Length"))
	}
	body, err := io.ReadAll(io.LimitReader(r, int64(n))) // what has come, not what is said to come, takes memory
	if err != nil {
		return m, err
	}
	if len(body) < n {
		return m, io.ErrUnexpectedEOF
	}
	return m, json.Unmarshal(body, &m)
}

func (c *conn) send(m message) error {
	m.Version = "2.0"
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	c.write.Lock()
	defer c.write.Unlock()
	_, err = fmt.Fprintf(c.rw, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return err
}

// call asks the server and waits for its answer.
func (c *conn) call(ctx context.Context, method string, params, answer any) error {
	ch := make(chan message, 1)
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return c.err
	}
	c.last++
	id := c.last
	c.wait[id] = ch
	c.mu.Unlock()
	if err := c.send(message{ID: json.RawMessage(strconv.Itoa(id)), Method: method, Params: params}); err != nil {
		return err
	}
	select {
	case m, ok := <-ch:
		switch {
		case !ok:
			return errGone
		case m.Error != nil:
			return fmt.Errorf("%s: %s", method, m.Error.Message)
		case answer == nil || len(m.Result) == 0:
			return nil
		}
		return json.Unmarshal(m.Result, answer)
	case <-ctx.Done(): // the server goes on: what it finds makes the next answer quick
		c.mu.Lock()
		delete(c.wait, id)
		c.mu.Unlock()
		return ctx.Err()
	}
}
