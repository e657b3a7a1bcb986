package zmtp

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// Kind is a socket's type.
type Kind string

// Kinds of sockets.
const (
	Router Kind = "ROUTER"
	Pub    Kind = "PUB"
	Dealer Kind = "DEALER"
	Sub    Kind = "SUB"
)

// partners are the kinds that each kind talks with.
var partners = map[Kind]string{
	Router: "DEALER REQ ROUTER",
	Pub:    "SUB XSUB",
	Dealer: "ROUTER REP DEALER",
	Sub:    "PUB XPUB",
}

// Errors of a peer that does not keep to the protocol.
var (
	ErrProtocol = errors.New("not ZMTP 3 with the NULL mechanism")
	ErrTooLarge = errors.New("a message above the size limit")
)

const (
	// handshakeLimit is how long a peer has for its greeting: local ones need
	// milliseconds, ones across the world a second.
	handshakeLimit = 10 * time.Second
	// readyLimit bounds the metadata of a peer: a socket type, an identity of
	// up to 255 bytes and what a client adds of its own.
	readyLimit = 4 << 10
	// perFrame is what a frame costs beside its bytes: no message is made of
	// endless empty ones.
	perFrame = 64
	// freeSize is what of a message is read in any case, as is most of any cell.
	freeSize = 64 << 10
)

// Bits of a frame's first byte.
const (
	more    = 1
	long    = 2
	command = 4
)

// conn is a connection whose handshake is done.
type conn struct {
	net.Conn
	r        *bufio.Reader
	limit    int               // of a message's bytes
	hold     func(n int) error // asked before n more bytes are read of a message above freeSize; nil: any
	size     int               // of the message that is being read
	peer     Kind
	identity string // of the peer, may be empty
}

// greet performs the handshake as a socket of the given kind and identity.
func greet(c net.Conn, kind Kind, identity string, limit int) (*conn, error) {
	if err := c.SetDeadline(time.Now().Add(handshakeLimit)); err != nil {
		return nil, err
	}
	hello := [64]byte{0: 0xff, 9: 0x7f, 10: 3}
	copy(hello[12:], "NULL")
	var ready bytes.Buffer
	ready.WriteString("\x05READY")
	property(&ready, "Socket-Type", string(kind))
	property(&ready, "Identity", identity)
	// The NULL mechanism lets both sides speak without waiting.
	if _, err := c.Write(appendFrame(hello[:], command, ready.Bytes())); err != nil {
		return nil, err
	}
	z := &conn{Conn: c, r: bufio.NewReader(c), limit: limit}
	if err := z.greeting(); err != nil {
		return nil, err
	}
	flags, body, err := z.frame(readyLimit)
	if err != nil {
		return nil, err
	}
	meta, isReady := bytes.CutPrefix(body, []byte("\x05READY"))
	if flags&command == 0 || !isReady {
		return nil, fmt.Errorf("%w: no READY", ErrProtocol)
	}
	if err := z.metadata(meta); err != nil {
		return nil, err
	}
	if !strings.Contains(" "+partners[kind]+" ", " "+string(z.peer)+" ") {
		return nil, fmt.Errorf("%w: a %q socket called a %s", ErrProtocol, z.peer, kind)
	}
	return z, c.SetDeadline(time.Time{})
}

// greeting reads the peer's first 64 bytes.
func (z *conn) greeting() error {
	var b [64]byte
	if _, err := io.ReadFull(z.r, b[:]); err != nil {
		return err
	}
	mechanism := string(bytes.TrimRight(b[12:32], "\x00"))
	if b[0] != 0xff || b[9] != 0x7f || b[10] < 3 || mechanism != "NULL" {
		return fmt.Errorf("%w: greeting %q", ErrProtocol, b[:33])
	}
	return nil
}

// metadata reads the properties of READY: a length and a name, a length of four
// bytes and a value.
func (z *conn) metadata(b []byte) error {
	for len(b) > 0 {
		n := 1 + int(b[0])
		if len(b) < n+4 {
			return fmt.Errorf("%w: a property is cut", ErrProtocol)
		}
		name, size := string(b[1:n]), binary.BigEndian.Uint32(b[n:])
		b = b[n+4:]
		if uint64(size) > uint64(len(b)) {
			return fmt.Errorf("%w: property %q is cut", ErrProtocol, name)
		}
		switch value := string(b[:size]); strings.ToLower(name) {
		case "socket-type":
			z.peer = Kind(value)
		case "identity":
			if len(value) > 255 || strings.HasPrefix(value, "\x00") {
				return fmt.Errorf("%w: an identity of %d bytes", ErrProtocol, size)
			}
			z.identity = value
		}
		b = b[size:]
	}
	return nil
}

func property(b *bytes.Buffer, name, value string) {
	b.WriteByte(byte(len(name)))
	b.WriteString(name)
	_ = binary.Write(b, binary.BigEndian, uint32(len(value))) // a Buffer takes all
	b.WriteString(value)
}

// frame reads one frame of at most limit bytes. Memory grows with what has
// arrived, not with what is announced.
func (z *conn) frame(limit int) (flags byte, body []byte, err error) {
	if flags, err = z.r.ReadByte(); err != nil {
		return 0, nil, err
	}
	if flags&^(more|long|command) != 0 || flags&(more|command) == more|command {
		return 0, nil, fmt.Errorf("%w: frame of kind %#x", ErrProtocol, flags)
	}
	var size [8]byte
	length := size[7:]
	if flags&long != 0 {
		length = size[:]
	}
	if _, err := io.ReadFull(z.r, length); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint64(size[:])
	if limit < 0 || n > uint64(limit) {
		return 0, nil, fmt.Errorf("%w: a frame of %d bytes", ErrTooLarge, n)
	}
	if n <= freeSize {
		if err = z.grow(int(n)); err == nil {
			body = make([]byte, n)
			_, err = io.ReadFull(z.r, body)
		}
		return flags, body, err
	}
	var b bytes.Buffer
	for left := int(n); left > 0; {
		part := min(left, freeSize)
		if err := z.grow(part); err != nil {
			return 0, nil, err
		}
		if _, err := io.CopyN(&b, z.r, int64(part)); err != nil {
			return 0, nil, err
		}
		left -= part
	}
	return flags, b.Bytes(), nil
}

// grow counts n more bytes of a message.
func (z *conn) grow(n int) error {
	before := max(z.size, freeSize)
	if z.size += n; z.hold == nil || z.size <= before {
		return nil
	}
	return z.hold(z.size - before)
}

// recv reads the next message. Commands are answered by pong or, where they are
// subscriptions, told as the messages that they were before ZMTP 3.1.
func (z *conn) recv(pong func(frame []byte)) ([][]byte, error) {
	var frames [][]byte
	z.size = 0
	for room := z.limit; ; {
		room -= perFrame
		if err := z.grow(perFrame); err != nil {
			return nil, err
		}
		flags, body, err := z.frame(room)
		if err != nil {
			return nil, err
		}
		if flags&command == 0 {
			frames = append(frames, body)
			if flags&more == 0 {
				return frames, nil
			}
			room -= len(body)
			continue
		}
		if len(frames) > 0 {
			return nil, fmt.Errorf("%w: a command inside a message", ErrProtocol)
		}
		room, z.size = z.limit, 0
		if len(body) == 0 || len(body) < 1+int(body[0]) {
			return nil, fmt.Errorf("%w: a command without its name", ErrProtocol)
		}
		name, rest := string(body[1:1+body[0]]), body[1+body[0]:]
		switch name {
		case "PING": // a time to live of two bytes, and what the answer repeats
			pong(appendFrame(nil, command, append([]byte("\x04PONG"), rest[min(2, len(rest)):]...)))
		case "SUBSCRIBE":
			return [][]byte{append([]byte{1}, rest...)}, nil
		case "CANCEL":
			return [][]byte{append([]byte{0}, rest...)}, nil
		case "ERROR":
			return nil, fmt.Errorf("%w: the peer says %q", ErrProtocol, rest)
		}
	}
}

// encode returns the bytes of a message.
func encode(frames [][]byte) []byte {
	size := 0
	for _, f := range frames {
		size += 9 + len(f)
	}
	b := make([]byte, 0, size)
	for i, f := range frames {
		var flags byte
		if i < len(frames)-1 {
			flags = more
		}
		b = appendFrame(b, flags, f)
	}
	return b
}

func appendFrame(b []byte, flags byte, body []byte) []byte {
	if len(body) < 256 {
		b = append(b, flags, byte(len(body)))
	} else {
		b = append(b, flags|long)
		b = binary.BigEndian.AppendUint64(b, uint64(len(body)))
	}
	return append(b, body...)
}
