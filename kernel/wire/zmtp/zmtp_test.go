package zmtp

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is long against what a socket needs, however busy the machine, and short
// against a test's limit.
const patience = 4 * time.Minute

// place is a server on a socket of the test.
type place struct {
	*Server
	path string
	mu   sync.Mutex
	told []string
}

func serve(t *testing.T, kind Kind) *place {
	t.Helper()
	p := &place{path: filepath.Join(t.TempDir(), "s")}
	l, err := net.Listen("unix", p.path)
	if err != nil {
		t.Fatal(err)
	}
	p.Server = Serve(l, kind, func(format string, args ...any) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.told = append(p.told, fmt.Sprintf(format, args...))
	})
	t.Cleanup(func() { p.Close() })
	return p
}

func (p *place) dial(t *testing.T) net.Conn {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		c, err := net.Dial("unix", p.path)
		if errors.Is(err, syscall.EAGAIN) && time.Now().Before(end) { // more wait to be accepted than this machine lets
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
}

func (p *place) connect(t *testing.T, kind Kind, identity string) *Client {
	t.Helper()
	c, err := Connect(p.dial(t), kind, identity)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wait waits until ok.
func (p *place) wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		p.Server.mu.Lock()
		done := ok()
		p.Server.mu.Unlock()
		if done {
			return
		}
	}
	t.Fatalf("%s: not within %v", what, patience)
}

// echo answers every message of a ROUTER as it came.
func (p *place) echo() {
	go func() {
		for {
			m, err := p.Recv()
			if err != nil || p.Send(m) != nil {
				return
			}
		}
	}()
}

func text(frames [][]byte) string { return string(bytes.Join(frames, []byte("|"))) }

// talks fails unless a client's message comes back.
func (p *place) talks(t *testing.T) {
	t.Helper()
	c := p.connect(t, Dealer, "")
	defer c.Close()
	if err := c.Send([][]byte{[]byte("a"), nil, []byte("b")}); err != nil {
		t.Fatal(err)
	}
	_ = c.z.SetDeadline(time.Now().Add(patience))
	if m, err := c.Recv(); err != nil || text(m) != "a||b" {
		t.Fatalf("got %q, %v", m, err)
	}
}

// hello is the first thing that a well-behaved client of a ROUTER sends.
func hello(t *testing.T) []byte {
	t.Helper()
	a, b := net.Pipe()
	go greet(a, Dealer, "", messageLimit)
	got := make([]byte, 512)
	n, err := b.Read(got)
	b.Close()
	if err != nil || n < 64 {
		t.Fatal(n, err)
	}
	return got[:n]
}

func TestRouterKeepsPeersApart(t *testing.T) {
	p := serve(t, Router)
	a, b := p.connect(t, Dealer, "a"), p.connect(t, Dealer, "b")
	for name, c := range map[string]*Client{"a": a, "b": b} {
		if err := c.Send([][]byte{[]byte("from " + name)}); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for range 2 {
		m, err := p.Recv()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, text(m))
	}
	if slices.Sort(got); fmt.Sprint(got) != "[a|from a b|from b]" {
		t.Errorf("got %q", got)
	}
	large := bytes.Repeat([]byte("x"), 1<<20)
	for _, to := range []string{"b", "nobody", "a"} {
		if err := p.Send([][]byte{[]byte(to), []byte("to " + to), large}); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]*Client{"a": a, "b": b} {
		if m, err := c.Recv(); err != nil || string(m[0]) != "to "+name || !bytes.Equal(m[1], large) {
			t.Errorf("%s got %q, %v", name, m[0], err)
		}
	}
}

func TestReconnectedPeerTakesOver(t *testing.T) {
	p := serve(t, Router)
	old := p.connect(t, Dealer, "a")
	p.wait(t, "the first", func() bool { return p.peers["a"] != nil })
	again := p.connect(t, Dealer, "a")
	if _, err := old.Recv(); err == nil {
		t.Error("the old connection is open")
	}
	if err := p.Send([][]byte{[]byte("a"), []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if m, err := again.Recv(); err != nil || text(m) != "x" {
		t.Errorf("got %q, %v", m, err)
	}
}

func TestPubSendsWhatIsSubscribed(t *testing.T) {
	p := serve(t, Pub)
	all := p.connect(t, Sub, "")
	some := p.connect(t, Sub, "")
	for _, m := range []string{"\x00", "\x01c", "\x00c", "\x01b"} {
		if err := some.Send([][]byte{[]byte(m)}); err != nil {
			t.Fatal(err)
		}
	}
	p.wait(t, "subscriptions", func() bool {
		a, bc := 0, 0
		for _, q := range p.peers {
			if q.wants([]byte("a")) {
				a++
			}
			if q.wants([]byte("bc")) {
				bc++
			}
		}
		return a == 1 && bc == 2 // the last that arrives makes it so
	})
	for _, m := range []string{"a", "bc", "c", "b"} {
		if err := p.Send([][]byte{[]byte(m), []byte("1")}); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		c    *Client
		want string
	}{{all, "a|1 bc|1 c|1 b|1"}, {some, "bc|1 b|1"}} {
		var got []string
		for range strings.Fields(test.want) {
			m, err := test.c.Recv()
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, text(m))
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("got %q, want %s", got, test.want)
		}
	}
}

// hostile is what strangers send before they have signed anything.
func hostile(t *testing.T) map[string][]byte {
	h := hello(t)
	frame := func(flags byte, size uint64) []byte {
		return binary.BigEndian.AppendUint64(append(slices.Clone(h), flags), size)
	}
	ready := func(meta string) []byte { return appendFrame(slices.Clone(h[:64]), command, []byte("\x05READY"+meta)) }
	endless := slices.Clone(h)
	for range messageLimit/perFrame + 1 {
		endless = append(endless, more, 0)
	}
	return map[string][]byte{
		"a frame of 63 bits":          frame(long, 1<<63-1),
		"a frame of 64 bits":          frame(long, 1<<64-1),
		"a frame of 48 bits":          frame(long, 1<<48),
		"a frame above the limit":     frame(long, messageLimit),
		"endless empty frames":        endless,
		"a reserved bit":              append(slices.Clone(h), 8, 0),
		"a command with more":         append(slices.Clone(h), command|more, 0),
		"a command without a name":    append(slices.Clone(h), command, 0),
		"a command's name is cut":     append(slices.Clone(h), command, 2, 9, 'x'),
		"a command inside a message":  append(slices.Clone(h), more, 1, 'x', command, 2, 1, 'x'),
		"HTTP":                        []byte("GET / HTTP/1.1\r\nHost: localhost:1234\r\nUser-Agent: some browser\r\nAccept: */*\r\n\r\n"),
		"ZMTP 2":                      append([]byte{0: 0xff, 9: 0x7f, 10: 2}, make([]byte, 53)...),
		"another mechanism":           bytes.Replace(slices.Clone(h), []byte("NULL"), []byte("PLAI"), 1),
		"READY is a message":          append(slices.Clone(h[:64]), 0, 1, 'x'),
		"no properties":               ready(""),
		"a property's name is cut":    ready("\xffSocket"),
		"a property has no value":     ready("\x01a"),
		"a value of 4 GB":             ready("\x01a\xff\xff\xff\xff"),
		"a value is cut":              ready("\x01a\x00\x00\x00\x02x"),
		"a partner that does not fit": ready("\x0bSocket-Type\x00\x00\x00\x03SUB"),
		"an identity as the server's": ready("\x08Identity\x00\x00\x00\x02\x00x"),
		"a READY of a megabyte":       binary.BigEndian.AppendUint64(append(slices.Clone(h[:64]), command|long), 1<<20),
	}
}

func TestHostileBytesEndOnlyTheirConnection(t *testing.T) {
	p := serve(t, Router)
	p.echo()
	for name, b := range hostile(t) {
		t.Run(name, func(t *testing.T) {
			c := p.dial(t)
			go c.Write(b)
			_ = c.SetReadDeadline(time.Now().Add(patience))
			if _, err := io.Copy(io.Discard, c); err != nil && strings.Contains(err.Error(), "timeout") {
				t.Error("the connection stays open")
			}
			p.talks(t)
		})
	}
	p.wait(t, "connections are forgotten", func() bool { return len(p.conns) == 0 && len(p.peers) == 0 })
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.told) != len(hostile(t)) {
		t.Errorf("%d lines were logged: %q", len(p.told), p.told)
	}
}

func TestSilentConnectionsBlockNobody(t *testing.T) {
	p := serve(t, Router)
	p.echo()
	for range 3 {
		p.dial(t)
	}
	half := p.dial(t)
	if _, err := half.Write([]byte{0xff, 0}); err != nil {
		t.Fatal(err)
	}
	p.talks(t)
}

func TestNoMoreConnectionsThanFiles(t *testing.T) {
	p := serve(t, Router)
	p.echo()
	var open []net.Conn
	for range peersLimit + 10 {
		open = append(open, p.dial(t))
	}
	p.wait(t, "connections", func() bool { return len(p.conns) == peersLimit })
	for _, c := range open {
		c.Close()
	}
	p.wait(t, "their end", func() bool { return len(p.conns) == 0 })
	p.talks(t)
}

// Strangers who begin large messages and never end them take bounded memory, and the
// messages of others come through, whatever their size.
func TestUnfinishedMessagesAreBounded(t *testing.T) {
	p := serve(t, Router)
	p.echo()
	part := make([]byte, messageLimit/2)
	for i := range 8 { // twice what is held
		c := p.dial(t)
		go c.Write(append(binary.BigEndian.AppendUint64(append(slices.Clone(hello(t)), long), messageLimit-1000), part...))
		p.wait(t, "what has come", func() bool { return p.held >= min(i+1, 3)*len(part)-8*freeSize })
	}
	p.wait(t, "the bound", func() bool { return p.held <= heldLimit && len(p.conns) <= heldLimit/len(part)+1 })
	p.talks(t)
	c := p.connect(t, Dealer, "")
	defer c.Close()
	if err := c.Send([][]byte{make([]byte, messageLimit/4)}); err != nil {
		t.Fatal(err)
	}
	_ = c.z.SetDeadline(time.Now().Add(patience))
	if m, err := c.Recv(); err != nil || len(m) != 1 || len(m[0]) != messageLimit/4 {
		t.Fatalf("got %d frames, %v", len(m), err)
	}
	p.wait(t, "what is whole is not held", func() bool { return p.held <= 4*len(part) })
}

// One machine that opens all the connections that it gets keeps no other out.
func TestOneMachineDoesNotHoldAllConnections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &place{Server: Serve(l, Router, nil)}
	defer p.Close()
	p.echo()
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	for range peersLimit + 10 {
		c, err := from.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Skipf("no second address of this machine: %v", err)
		}
		defer c.Close()
		go c.Write(hello(t))
	}
	p.wait(t, "connections", func() bool { return len(p.conns) >= peersLimit-1 })
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	z, err := Connect(c, Dealer, "")
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if err := z.Send([][]byte{[]byte("a")}); err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	if m, err := z.Recv(); err != nil || text(m) != "a" {
		t.Errorf("got %q, %v", m, err)
	}
}

// A peer is dropped once: what is sent meanwhile finds no room either, and is silent.
func TestClosedQueueIsNotFull(t *testing.T) {
	q := newQueue()
	if !q.put(make([]byte, queueLimit)) || q.put([]byte{1}) {
		t.Fatal("a queue has no limit")
	}
	if q.close(); !q.put([]byte{1}) {
		t.Error("a peer that is being dropped is told of again")
	}
}

func TestSubscriberThatDoesNotReadIsDropped(t *testing.T) {
	p := serve(t, Pub)
	suspended := p.connect(t, Sub, "")
	reader := p.connect(t, Sub, "")
	p.wait(t, "subscribers", func() bool {
		n := 0
		for _, q := range p.peers {
			if q.wants([]byte("t")) {
				n++
			}
		}
		return n == 2
	})
	const count, size = 2 * queueLimit / (1 << 20), 1 << 20
	heard := make(chan int)
	go func() {
		n := 0
		for n < count {
			if m, err := reader.Recv(); err != nil || len(m[1]) != size {
				break
			}
			n++
			heard <- n
		}
		close(heard)
	}()
	payload := make([]byte, size)
	for i := range count {
		if err := p.Send([][]byte{[]byte("t"), payload}); err != nil {
			t.Fatal(err)
		}
		select {
		case n := <-heard:
			if n != i+1 {
				t.Fatalf("message %d is number %d", i+1, n)
			}
		case <-time.After(patience):
			t.Fatalf("message %d does not reach the one that reads", i)
		}
	}
	p.wait(t, "the suspended one is dropped", func() bool { return len(p.peers) == 1 })
	p.mu.Lock()
	if len(p.told) != 1 || !strings.Contains(p.told[0], "does not read") {
		t.Errorf("told %q", p.told)
	}
	p.mu.Unlock()
	_ = suspended.z.SetDeadline(time.Now().Add(patience))
	for {
		if _, err := suspended.Recv(); err != nil {
			if errors.Is(err, ErrProtocol) {
				t.Errorf("%v: what it got was no whole message", err)
			}
			break
		}
	}
}

func TestSubscriptionsAreBounded(t *testing.T) {
	p := serve(t, Pub)
	c := p.connect(t, Sub, "")
	for i := range 2 * topicsLimit {
		if c.Send([][]byte{fmt.Append([]byte{1}, i)}) != nil {
			break
		}
	}
	if _, err := c.Recv(); err == nil {
		t.Error("any number of subscriptions is kept")
	}
}

func TestPingAndSubscribeCommands(t *testing.T) {
	p := serve(t, Pub)
	c := p.dial(t)
	z, err := greet(c, Sub, "", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, cmd := range []string{"\x09SUBSCRIBEx", "\x04PING\x00\x01ctx"} {
		if _, err := c.Write(appendFrame(nil, command, []byte(cmd))); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	if flags, body, err := z.frame(100); err != nil || flags != command || string(body) != "\x04PONGctx" {
		t.Fatalf("got %#x %q, %v", flags, body, err)
	}
	if err := p.Send([][]byte{[]byte("xy")}); err != nil {
		t.Fatal(err)
	}
	if m, err := z.recv(nil); err != nil || text(m) != "xy" {
		t.Errorf("got %q, %v", m, err)
	}
}

func TestCloseSendsWhatIsQueued(t *testing.T) {
	p := serve(t, Router)
	p.linger = patience
	c := p.connect(t, Dealer, "a")
	p.wait(t, "the peer", func() bool { return p.peers["a"] != nil })
	for i := range 100 {
		if err := p.Send([][]byte{[]byte("a"), fmt.Append(nil, i)}); err != nil {
			t.Fatal(err)
		}
	}
	p.Close()
	for i := range 100 {
		if m, err := c.Recv(); err != nil || text(m) != fmt.Sprint(i) {
			t.Fatalf("message %d: %q, %v", i, m, err)
		}
	}
	if _, err := p.Recv(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if err := p.Send([][]byte{[]byte("a")}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// FuzzRecv holds a server's reading of a stranger's bytes: no panic, no memory
// beyond what arrived, and what is read is what a peer can have sent.
func FuzzRecv(f *testing.F) {
	t := new(testing.T)
	for _, b := range hostile(t) {
		f.Add(b[:min(len(b), 4096)])
	}
	h := hello(t)
	f.Add(append(slices.Clone(h), encode([][]byte{[]byte("a"), bytes.Repeat([]byte("b"), 300)})...))
	f.Add(appendFrame(h, command, []byte("\x04PING\x00\x01x")))
	f.Fuzz(func(t *testing.T, b []byte) {
		z, err := greet(replay{bytes.NewReader(b)}, Router, "", 1<<16)
		if err != nil {
			return
		}
		for {
			frames, err := z.recv(func([]byte) {})
			if err != nil {
				return
			}
			size := 0
			for _, f := range frames {
				size += len(f)
			}
			if size > len(b) || len(frames) == 0 {
				t.Fatalf("%d bytes in %d frames out of %d", size, len(frames), len(b))
			}
			again := &conn{r: bufio.NewReader(bytes.NewReader(encode(frames))), limit: 1 << 20}
			if back, err := again.recv(nil); err != nil || text(back) != text(frames) {
				t.Fatalf("%q became %q, %v", frames, back, err)
			}
		}
	})
}

// replay is a connection whose peer sends given bytes.
type replay struct{ io.Reader }

func (replay) Write(b []byte) (int, error)      { return len(b), nil }
func (replay) Close() error                     { return nil }
func (replay) LocalAddr() net.Addr              { return nil }
func (replay) RemoteAddr() net.Addr             { return nil }
func (replay) SetDeadline(time.Time) error      { return nil }
func (replay) SetReadDeadline(time.Time) error  { return nil }
func (replay) SetWriteDeadline(time.Time) error { return nil }
