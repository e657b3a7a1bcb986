package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/golens/golens/kernel/wire"
	"github.com/golens/golens/kernel/wire/zmtp"
)

// Back is a connection to a gonb that runs.
type Back struct {
	shell, stdin, iopub *wire.Socket
	session             string
	// published is what gonb sends on iopub, replies what it answers on shell
	// (to requests on control too), prompts what it asks on stdin.
	published, replies, prompts chan *wire.Message
	lost                        chan struct{} // closed when gonb's sockets close
	cancel                      context.CancelFunc
}

// tries and patience bound the wait for gonb's first answer on iopub: 20 ms is
// less than a person notices; two minutes cover a machine that is busy building.
const (
	patience = 2 * time.Minute
	between  = 20 * time.Millisecond
)

// Dial connects to the gonb that listens at conn, and waits until it answers on
// every channel.
func Dial(ctx context.Context, conn wire.Connection) (*Back, error) {
	ctx, cancel := context.WithCancel(ctx)
	b := &Back{
		session:   wire.NewID(),
		published: make(chan *wire.Message, 64),
		replies:   make(chan *wire.Message, 64),
		prompts:   make(chan *wire.Message, 4),
		lost:      make(chan struct{}),
		cancel:    cancel,
	}
	for _, s := range []struct {
		to   **wire.Socket
		kind zmtp.Kind
		port int
	}{{&b.iopub, zmtp.Sub, conn.IOPubPort}, {&b.stdin, zmtp.Dealer, conn.StdinPort}, {&b.shell, zmtp.Dealer, conn.ShellPort}} {
		// gonb asks for input with the identity of the cell's request, so shell
		// and stdin must be known to it by the same one.
		socket, err := conn.Dial(ctx, s.kind, s.port, "golens", patience)
		if err != nil {
			cancel() // closes those that are open
			return nil, fmt.Errorf("gonb does not answer: %w", err)
		}
		*s.to = socket
	}
	go pump(ctx, b.iopub, b.published)
	go pump(ctx, b.stdin, b.prompts)
	go func() {
		pump(ctx, b.shell, b.replies)
		close(b.lost)
	}()
	if err := b.handshake(ctx); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// pump moves the messages of s to c until s or ctx ends.
func pump(ctx context.Context, s *wire.Socket, c chan<- *wire.Message) {
	_ = s.Each(func(m *wire.Message) {
		select {
		case c <- m:
		case <-ctx.Done():
		}
	}, nil)
}

// handshake asks for kernel_info until the answer's status arrives on iopub:
// what is published before the subscription has reached gonb is lost.
func (b *Back) handshake(ctx context.Context) error {
	timeout := time.After(patience)
	tick := time.NewTicker(between)
	defer tick.Stop()
	asked, answered, heard := 0, 0, false
	ask := func() error {
		asked++
		_, err := b.ask()
		return err
	}
	if err := ask(); err != nil {
		return err
	}
	for !heard || answered < asked {
		select {
		case m := <-b.published:
			heard = heard || m.Header.MsgType == "status"
		case <-b.replies:
			answered++
		case <-tick.C:
			if !heard && answered == asked {
				if err := ask(); err != nil {
					return err
				}
			}
		case <-b.lost:
			return fmt.Errorf("gonb ended while it was starting")
		case <-timeout:
			return fmt.Errorf("gonb does not answer within %v", patience)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	// gonb's status messages for the last question may still come; they have
	// no request of ours and are dropped by the proxy.
	return nil
}

// ask sends a question of our own that gonb answers at any time.
func (b *Back) ask() (id string, err error) {
	m := wire.New("kernel_info_request", b.session, nil, struct{}{})
	return m.Header.MsgID, b.shell.Send(m)
}

// send relays m, whose identities name the client, to gonb's shell channel.
func (b *Back) send(m *wire.Message) error { return b.shell.Send(m) }

// Close drops the connection.
func (b *Back) Close() {
	b.cancel()
	b.shell.Close()
	b.stdin.Close()
	b.iopub.Close()
}

// gonbExecute is a complete execute_request: gonb expects every field.
type gonbExecute struct {
	Code            string         `json:"code"`
	Silent          bool           `json:"silent"`
	StoreHistory    bool           `json:"store_history"`
	UserExpressions map[string]any `json:"user_expressions"`
	AllowStdin      bool           `json:"allow_stdin"`
	StopOnError     bool           `json:"stop_on_error"`
}

// parseExecute reads an execute_request with the protocol's defaults.
func parseExecute(m *wire.Message) (gonbExecute, error) {
	req := gonbExecute{StoreHistory: true, StopOnError: true}
	if err := json.Unmarshal(m.Content, &req); err != nil {
		return req, fmt.Errorf("%w: execute_request: %v", wire.ErrMalformed, err)
	}
	if req.Silent {
		req.StoreHistory = false
	}
	if req.UserExpressions == nil {
		req.UserExpressions = map[string]any{}
	}
	return req, nil
}
