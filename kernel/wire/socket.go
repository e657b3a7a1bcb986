package wire

import (
	"context"
	"errors"
	"sync"

	"github.com/go-zeromq/zmq4"
)

// Socket sends and receives Jupyter messages over one ZeroMQ socket. Send may
// be called from several goroutines at once; Recv from one.
type Socket struct {
	mu   sync.Mutex
	zmq  zmq4.Socket
	key  []byte
	done context.Context
}

// Wrap makes a Socket of a bound or connected ZeroMQ socket that lives as long
// as ctx. Messages are signed and checked with key.
func Wrap(ctx context.Context, zmq zmq4.Socket, key string) *Socket {
	return &Socket{zmq: zmq, key: []byte(key), done: ctx}
}

// Send writes m.
func (s *Socket) Send(m *Message) error {
	frames := m.Encode(s.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.zmq.SendMulti(zmq4.NewMsgFrom(frames...))
}

// Recv waits for the next message. When err wraps ErrMalformed or ErrSignature
// the socket is still good and the next Recv may succeed; any other error means
// that the peer or the socket is gone.
func (s *Socket) Recv() (*Message, error) {
	msg, err := s.zmq.Recv()
	if err != nil {
		return nil, err
	}
	return Decode(msg.Frames, s.key)
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
func (s *Socket) Close() error { return s.zmq.Close() }
