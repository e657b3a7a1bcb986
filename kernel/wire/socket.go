package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/golens/golens/kernel/internal/proc"
	"github.com/golens/golens/kernel/wire/zmtp"
)

// Socket sends and receives Jupyter messages over one ZeroMQ socket. Send may
// be called from several goroutines at once; Recv from one.
type Socket struct {
	zmq  transport
	key  []byte
	done context.Context
	stop func() bool
}

// transport is a ZeroMQ socket.
type transport interface {
	Send(frames [][]byte) error
	Recv() ([][]byte, error)
	Close() error
}

// wrap makes a Socket that lives as long as ctx. Messages are signed and checked
// with key.
func wrap(ctx context.Context, f transport, key string) *Socket {
	s := &Socket{zmq: f, key: []byte(key), done: ctx}
	s.stop = context.AfterFunc(ctx, func() { f.Close() })
	return s
}

// Listen opens a socket of kind zmtp.Router or zmtp.Pub at one of c's ports, for
// as long as ctx lasts. log, which may be nil, is told of clients that are
// refused.
func (c Connection) Listen(ctx context.Context, kind zmtp.Kind, port int, log func(format string, args ...any)) (*Socket, error) {
	network, address := c.address(port)
	var l net.Listener
	var err error
	if network == "unix" {
		l, err = proc.ListenUnix(address)
	} else {
		l, err = net.Listen(network, address)
	}
	if err != nil {
		return nil, err
	}
	return wrap(ctx, zmtp.Serve(l, kind, log), c.Key), nil
}

// redial is how long is waited before a kernel that does not listen yet is
// called again: less than a person notices.
const redial = 20 * time.Millisecond

// Dial connects a socket of kind zmtp.Dealer or zmtp.Sub to one of c's ports,
// for as long as ctx lasts. It waits up to patience for somebody to listen.
func (c Connection) Dial(ctx context.Context, kind zmtp.Kind, port int, identity string, patience time.Duration) (*Socket, error) {
	network, address := c.address(port)
	for end := time.Now().Add(patience); ; {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil {
			client, err := zmtp.Connect(conn, kind, identity)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", address, err)
			}
			return wrap(ctx, client, c.Key), nil
		}
		if ctx.Err() != nil || time.Now().After(end) {
			return nil, err
		}
		select {
		case <-time.After(redial):
		case <-ctx.Done():
		}
	}
}

// address returns the network and the address of one of c's ports.
func (c Connection) address(port int) (network, address string) {
	if c.Transport == "ipc" {
		return "unix", fmt.Sprintf("%s-%d", c.IP, port)
	}
	return "tcp", net.JoinHostPort(c.IP, strconv.Itoa(port))
}

// Send writes m.
func (s *Socket) Send(m *Message) error { return s.zmq.Send(m.Encode(s.key)) }

// Recv waits for the next message. When err wraps ErrMalformed or ErrSignature
// the socket is still good and the next Recv may succeed; any other error means
// that the peer or the socket is gone.
func (s *Socket) Recv() (*Message, error) {
	f, err := s.zmq.Recv()
	if err != nil {
		return nil, err
	}
	return Decode(f, s.key)
}

// Echo sends every message back as it came, unread, until the socket is gone.
// It is what a heartbeat does.
func (s *Socket) Echo() {
	for {
		f, err := s.zmq.Recv()
		if err != nil || s.zmq.Send(f) != nil {
			return
		}
	}
}

// Each calls f with every message until the socket is gone, and returns why.
// Messages that are malformed or wrongly signed are dropped and given to bad,
// if bad is not nil.
func (s *Socket) Each(f func(*Message), bad func(error)) error {
	for {
		m, err := s.Recv()
		switch {
		case err == nil:
			f(m)
		case errors.Is(err, ErrMalformed), errors.Is(err, ErrSignature):
			if bad != nil {
				bad(err)
			}
		default:
			if ctxErr := s.done.Err(); ctxErr != nil {
				return ctxErr
			}
			return err
		}
	}
}

// Close releases the socket.
func (s *Socket) Close() error {
	s.stop()
	return s.zmq.Close()
}
