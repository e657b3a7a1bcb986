package zmtp

import (
	"errors"
	"fmt"
	"net"
	"sync"
)

// trustedLimit bounds a message of a peer that is trusted: what it announces
// may be wrong, not hostile.
const trustedLimit = 1 << 30

// Client is a DEALER or SUB socket with one peer. Send may be called from
// several goroutines at once; Recv from one.
type Client struct {
	z  *conn
	mu sync.Mutex // guards writing
}

// Connect makes a socket of kind Dealer or Sub of a connection to its peer. A
// SUB socket receives everything. It closes c if it fails.
func Connect(c net.Conn, kind Kind, identity string) (*Client, error) {
	z, err := greet(c, kind, identity, trustedLimit)
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("zmtp: %w", err)
	}
	s := &Client{z: z}
	if kind == Sub {
		if err := s.Send([][]byte{{1}}); err != nil {
			c.Close()
			return nil, err
		}
	}
	return s, nil
}

// Send writes a message.
func (c *Client) Send(frames [][]byte) error { return c.write(encode(frames)) }

func (c *Client) write(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.z.Write(b)
	return err
}

// Recv waits for the next message. After an error the socket is of no more use.
func (c *Client) Recv() ([][]byte, error) {
	return c.z.recv(func(f []byte) { _ = c.write(f) }) // a peer that is gone is seen by reading
}

// Close drops the connection.
func (c *Client) Close() error { return c.z.Close() }

// tooBad tells whether an error is a peer's fault, and not its end.
func tooBad(err error) bool { return errors.Is(err, ErrProtocol) || errors.Is(err, ErrTooLarge) }
