package proxy

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golens/golens/kernel/internal/porttest"
	"github.com/golens/golens/kernel/wire"
	"github.com/golens/golens/kernel/wire/zmtp"
)

// ample is long against what any machine needs, however busy, and short against a
// test's limit.
const ample = 4 * time.Minute

// local is a connection on free ports.
func local(t *testing.T) wire.Connection {
	t.Helper()
	conn := wire.Connection{Transport: "tcp", IP: "127.0.0.1", Key: "secret"}
	free := porttest.Free(t, 5)
	conn.ShellPort, conn.ControlPort, conn.StdinPort, conn.IOPubPort, conn.HBPort = free[0], free[1], free[2], free[3], free[4]
	return conn
}

// server is a proxy without gonb and what it logs.
type server struct {
	*Proxy
	conn wire.Connection
	mu   sync.Mutex
	log  []string
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{conn: local(t)}
	p, err := Listen(t.Context(), s.conn, Hooks{
		Interrupt: func() {}, Shutdown: func(bool) {}, ShellStatus: func() string { return "" },
		Provenance: func() (json.RawMessage, error) { return json.RawMessage("{}"), nil },
		GoVersion:  func() string { return "1.26" },
		Log: func(format string, _ ...any) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.log = append(s.log, format)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Proxy = p
	t.Cleanup(p.Close)
	return s
}

// answers fails unless the kernel answers on shell, control and heartbeat, and
// a new subscriber hears of it.
func (s *server) answers(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), ample)
	defer cancel()
	dial := func(kind zmtp.Kind, port int) *wire.Socket {
		socket, err := s.conn.Dial(ctx, kind, port, "", ample)
		if err != nil {
			t.Fatal(err)
		}
		return socket
	}
	iopub := dial(zmtp.Sub, s.conn.IOPubPort)
	heart := dial(zmtp.Dealer, s.conn.HBPort)
	for _, port := range []int{s.conn.ShellPort, s.conn.ControlPort} {
		socket := dial(zmtp.Dealer, port)
		if err := socket.Send(wire.New("kernel_info_request", "s", nil, struct{}{})); err != nil {
			t.Fatal(err)
		}
		if m, err := socket.Recv(); err != nil || m.Header.MsgType != "kernel_info_reply" {
			t.Fatalf("port %d: %v, %v", port, m, err)
		}
	}
	if err := heart.Send(wire.New("x", "s", nil, struct{}{})); err != nil {
		t.Fatal(err)
	}
	if m, err := heart.Recv(); err != nil || m.Header.MsgType != "x" {
		t.Fatalf("heartbeat: %v, %v", m, err)
	}
	// What is published before the subscription has arrived is lost: said again
	// until it is heard.
	heard := make(chan struct{})
	go func() {
		for {
			s.publish("status", nil, status{"idle"})
			select {
			case <-heard:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	defer close(heard)
	for {
		if m, err := iopub.Recv(); err != nil {
			t.Fatal(err)
		} else if m.Header.MsgType == "status" {
			return
		}
	}
}

// A stranger has no key, only a connection.
func TestStrangersDoNotDisturb(t *testing.T) {
	s := newServer(t)
	ports := []int{s.conn.ShellPort, s.conn.ControlPort, s.conn.StdinPort, s.conn.IOPubPort, s.conn.HBPort}
	huge := binary.BigEndian.AppendUint64([]byte{2}, 1<<63-1)
	for _, test := range []struct {
		name string
		do   func(port int) error
	}{
		{"a frame of 63 bits", func(port int) error {
			c, err := s.raw(t, port)
			if err == nil {
				_, err = c.Write(append(greeting(t, port == s.conn.IOPubPort), huge...))
			}
			return err
		}},
		{"silence", func(port int) error { _, err := s.raw(t, port); return err }},
		{"half a greeting", func(port int) error {
			c, err := s.raw(t, port)
			if err == nil {
				_, err = c.Write([]byte{0xff, 0, 0})
			}
			return err
		}},
		{"another protocol", func(port int) error {
			c, err := s.raw(t, port)
			if err == nil {
				_, err = c.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + strings.Repeat(" ", 64)))
			}
			return err
		}},
		{"another key", func(port int) error {
			if port == s.conn.IOPubPort {
				return nil
			}
			other := s.conn
			other.Key = "guess"
			socket, err := other.Dial(t.Context(), zmtp.Dealer, port, "", ample)
			if err != nil {
				return err
			}
			for range 1000 {
				if err := socket.Send(wire.New("shutdown_request", "s", nil, struct{}{})); err != nil {
					return err
				}
			}
			return nil
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, port := range ports {
				if err := test.do(port); err != nil {
					t.Fatal(err)
				}
			}
			s.answers(t)
		})
	}
	select {
	case <-s.Ended():
		t.Error("a stranger has ended the kernel")
	default:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.log) > 100 {
		t.Errorf("%d lines were logged: strangers fill the disk", len(s.log))
	}
}

// raw opens a connection that the test's end closes.
func (s *server) raw(t *testing.T, port int) (net.Conn, error) {
	c, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

// greeting is what a client of a ROUTER, or of a PUB, begins with.
func greeting(t *testing.T, pub bool) []byte {
	t.Helper()
	a, b := net.Pipe()
	kind := zmtp.Dealer
	if pub {
		kind = zmtp.Sub
	}
	go zmtp.Connect(a, kind, "")
	got := make([]byte, 512)
	n, err := b.Read(got)
	b.Close()
	if err != nil {
		t.Fatal(err)
	}
	return got[:n]
}

func TestHeartbeatWithoutItsFrames(t *testing.T) {
	s := newServer(t)
	c, err := s.raw(t, s.conn.HBPort)
	if err != nil {
		t.Fatal(err)
	}
	// One empty frame: no delimiter with a frame behind it.
	if _, err := c.Write(append(greeting(t, false), 0, 0)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // for it to be read
	s.answers(t)
}

func TestSuspendedConsoleStopsNobodysOutput(t *testing.T) {
	s := newServer(t)
	if _, err := s.conn.Dial(t.Context(), zmtp.Sub, s.conn.IOPubPort, "", ample); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // for its subscription to arrive
	text := strings.Repeat("x", 1<<20)
	for range 200 { // three times what is kept for one that does not read
		s.stream(nil, "stdout", text)
	}
	s.answers(t)
}

func TestShutdownAskedTwiceAtOnce(t *testing.T) {
	s := newServer(t)
	var wg sync.WaitGroup
	for _, on := range []*wire.Socket{s.front.shell, s.front.control} {
		wg.Go(func() { s.shutdown(on, wire.New("shutdown_request", "s", nil, struct{}{})) })
	}
	wg.Wait()
	<-s.Ended()
}

func TestGonbIsIdleTwice(t *testing.T) {
	s := newServer(t)
	m := wire.New("execute_request", "s", nil, struct{}{})
	r := newRequest(m)
	s.Proxy.mu.Lock()
	s.running = r
	s.Proxy.mu.Unlock()
	for range 2 {
		s.relayOne(wire.New("status", "s", m, status{"idle"}))
	}
	<-r.idle
}

// Twenty clients ask at once, half of them go away without a word: every one
// that stays is answered, in its own order. With the race detector it says more.
func TestTwentyClients(t *testing.T) {
	s := newServer(t)
	var wg sync.WaitGroup
	for client := range 20 {
		wg.Go(func() {
			socket, err := s.conn.Dial(t.Context(), zmtp.Dealer, s.conn.ShellPort, "", ample)
			if err != nil {
				t.Error(err)
				return
			}
			defer socket.Close()
			sub, err := s.conn.Dial(t.Context(), zmtp.Sub, s.conn.IOPubPort, "", ample)
			if err != nil {
				t.Error(err)
				return
			}
			defer sub.Close()
			kinds := []string{"kernel_info", "is_complete", "history", "comm_info"}
			for i := range 50 {
				kind := kinds[(client+i)%len(kinds)]
				if client%2 == 0 && i == 25 {
					return
				}
				m := wire.New(kind+"_request", "s", nil, map[string]any{"code": "f("})
				if err := socket.Send(m); err != nil {
					t.Error(err)
					return
				}
				r, err := socket.Recv()
				if err != nil || r.Header.MsgType != kind+"_reply" || r.ParentID() != m.Header.MsgID {
					t.Errorf("client %d: %v, %v", client, r, err)
					return
				}
			}
		})
	}
	wg.Wait()
	s.answers(t)
}

// A fault of golens' own, such as in reading a cell, is an answer and not the end.
func TestFaultsEndNoKernel(t *testing.T) {
	s := newServer(t)
	got, err := json.Marshal(s.unless(func() any { panic("boom") }))
	if text := string(got); err != nil || !strings.Contains(text, `"status":"error"`) || !strings.Contains(text, `"ename":"KernelFault"`) || !strings.Contains(text, "boom") {
		t.Errorf("%s, %v", got, err)
	}
	r := newRequest(wire.New("execute_request", "s", nil, struct{}{}))
	f, alive := s.runCell(nil, r, gonbExecute{Code: "x := 1"}) // without a builder
	if f == nil || f.Name != "KernelFault" || !alive {
		t.Errorf("a cell: %+v, %v", f, alive)
	}
	s.answers(t)
}

// Who has the key may still be mistaken: whatever stands in a request, the kernel
// answers the next.
func TestOddRequestsEndNoKernel(t *testing.T) {
	s := newServer(t)
	contents := []string{
		`null`, `[]`, `"x"`, `{}`, `1e999`, `{"code": 1, "cursor_pos": "x"}`, `{"code": "x", "cursor_pos": -5}`, `{"code": "x", "cursor_pos": 1e18}`,
		`{"code": "\u0000\ud800é👍", "cursor_pos": 3}`, `{"code": "a.\r\n\r\nb", "cursor_pos": 6, "detail_level": -7}`, `{"code": "%", "cursor_pos": 1}`,
		`{"code": "` + strings.Repeat("(", 100_000) + `", "cursor_pos": 50000}`, `{"code": "` + strings.Repeat("x.", 50_000) + `", "cursor_pos": 100000}`,
		`{"hist_access_type": "range", "start": -5, "stop": -9, "session": -1, "n": -3}`, `{"hist_access_type": "search", "pattern": "` + strings.Repeat("*?", 10_000) + `", "n": 9223372036854775807}`,
		`{"hist_access_type": "tail", "output": true, "n": -9223372036854775808}`, `{"comm_id": null, "target_name": 7, "data": []}`, `{"comm_id": "` + strings.Repeat("c", 1<<20) + `", "target_name": "x"}`,
		`{"value": ["x"]}`, `{"restart": "maybe"}`, strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000),
	}
	for _, port := range []int{s.conn.ShellPort, s.conn.ControlPort, s.conn.StdinPort} {
		socket, err := s.conn.Dial(t.Context(), zmtp.Dealer, port, "", ample)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{
			"kernel_info_request", "complete_request", "inspect_request", "history_request", "is_complete_request", "comm_info_request",
			"comm_open", "comm_msg", "comm_close", "debug_request", "interrupt_request", "input_reply", "status", "execute_reply", "", strings.Repeat("x", 1<<16),
		} {
			for _, content := range contents {
				m := wire.New(kind, "s", nil, struct{}{})
				m.Content = json.RawMessage(content)
				if err := socket.Send(m); err != nil {
					t.Fatalf("port %d, %.40s, %.60s: %v", port, kind, content, err)
				}
			}
		}
		socket.Close()
	}
	s.answers(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.log {
		if strings.HasPrefix(line, "reading a cell: ") { // a panic
			t.Error("a request was a fault of the kernel's")
		}
	}
}

// A request of a kind that there is not, such as a debugger's, and a channel to a widget
// manager that is not there get their answer: whoever asks may wait for one.
func TestNoRequestIsWithoutAnswer(t *testing.T) {
	s := newServer(t)
	iopub, err := s.conn.Dial(t.Context(), zmtp.Sub, s.conn.IOPubPort, "", ample)
	if err != nil {
		t.Fatal(err)
	}
	for _, port := range []int{s.conn.ShellPort, s.conn.ControlPort} {
		socket, err := s.conn.Dial(t.Context(), zmtp.Dealer, port, "", ample)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{"debug", "create_subshell", "usage", "connect"} {
			if err := socket.Send(wire.New(kind+"_request", "s", nil, map[string]string{"type": "request", "command": "debugInfo"})); err != nil {
				t.Fatal(err)
			}
			m, err := socket.Recv()
			if err != nil || m.Header.MsgType != kind+"_reply" || !strings.Contains(string(m.Content), `"status":"error"`) || !strings.Contains(string(m.Content), "golens answers no "+kind+"_request") {
				t.Errorf("port %d, %s: %v, %v", port, kind, m, err)
			}
		}
	}
	shell, err := s.conn.Dial(t.Context(), zmtp.Dealer, s.conn.ShellPort, "", ample)
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan string)
	go func() {
		for {
			m, err := iopub.Recv()
			if err != nil {
				return
			}
			if m.Header.MsgType == "comm_close" {
				closed <- string(m.Content)
				return
			}
		}
	}()
	for until := time.After(ample); ; { // said again until the subscriber hears
		if err := shell.Send(wire.New("comm_open", "s", nil, map[string]string{"comm_id": "c1", "target_name": "jupyter.widget.control"})); err != nil {
			t.Fatal(err)
		}
		select {
		case content := <-closed:
			if !strings.Contains(content, `"comm_id":"c1"`) {
				t.Error(content)
			}
			return
		case <-time.After(100 * time.Millisecond):
		case <-until:
			t.Fatal("the channel is not closed")
		}
	}
}
