package proxy

import (
	"strings"
	"testing"
	"time"

	"github.com/golens/golens/kernel/wire"
	"github.com/golens/golens/kernel/wire/zmtp"
)

// published runs f on a request that gonb works on and returns what a client
// hears of it until its last status.
func published(t *testing.T, f func(s *server, r *request)) (stdout, stderr int, notes []string) {
	t.Helper()
	s := newServer(t)
	sub, err := s.conn.Dial(t.Context(), zmtp.Sub, s.conn.IOPubPort, "", ample)
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan *wire.Message, 1)
	go sub.Each(func(m *wire.Message) { heard <- m }, nil)
	next := func() *wire.Message {
		select {
		case m := <-heard:
			return m
		case <-time.After(ample):
			t.Fatal("nothing is heard")
			return nil
		}
	}
	for begun := false; !begun; { // until the subscription has arrived
		s.publish("status", nil, status{"idle"})
		select {
		case <-heard:
			begun = true
		case <-time.After(10 * time.Millisecond):
		}
	}
	r := newRequest(wire.New("execute_request", "s", nil, struct{}{}))
	s.Proxy.mu.Lock()
	s.running = r
	s.Proxy.mu.Unlock()
	go func() {
		f(s, r)
		s.publish("end", r.msg, struct{}{})
	}()
	for {
		m := next()
		switch m.Header.MsgType {
		case "end":
			return stdout, stderr, notes
		case "stream":
			var c streamContent
			if err := m.Decode(&c); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(c.Text, "golens: ") {
				notes = append(notes, c.Text)
			} else if c.Name == "stderr" {
				stderr += len(c.Text)
			} else {
				stdout += len(c.Text)
			}
		}
	}
}

// gonbSays is a message of gonb's about r.
func gonbSays(r *request, name, text string) *wire.Message {
	return wire.New("stream", "g", r.msg, streamContent{name, text})
}

func TestEndlessTextIsCutWithANote(t *testing.T) {
	line := strings.Repeat("x", 1<<16)
	stdout, _, notes := published(t, func(s *server, r *request) {
		for range 100 << 4 { // 100 MB
			s.relayOne(gonbSays(r, "stdout", line))
		}
		s.relayOne(gonbSays(r, "stdout", "short")) // there would be room
	})
	if stdout > textLimit || stdout < textLimit/2 || stdout%len(line) != 0 || len(notes) != 1 || !strings.Contains(notes[0], "printed more than 512 KB") {
		t.Errorf("%d bytes were shown, notes %q", stdout, notes)
	}
}

// A line that begins as a panic does is held back, since the error may tell it
// better: not all that follows it.
func TestStacksOfManyGoroutinesAreNotShown(t *testing.T) {
	stack := "goroutine 7 [select (no cases)]:\nmain.cell.func1()\n\t/golens/cell/9.go:1 +0xf\n\n"
	var left int
	_, stderr, _ := published(t, func(s *server, r *request) {
		s.relayOne(gonbSays(r, "stderr", "runtime: goroutine stack exceeds 1000000000"))
		s.relayOne(gonbSays(r, "stderr", "-byte limit\n"))
		s.relayOne(gonbSays(r, "stderr", "fatal error: all goroutines are asleep - deadlock!\n\n"))
		for range 100 {
			s.relayOne(gonbSays(r, "stderr", strings.Repeat(stack, 500)))
		}
		r.forget(true)
		s.release(r)
		left = r.heldSize
	})
	if stderr > 0 || left > 0 {
		t.Errorf("%d bytes were shown, %d are held", stderr, left)
	}
}

func TestWhatFollowsPanicIsNotHeldForever(t *testing.T) {
	line := strings.Repeat("y", 1<<16) + "\n"
	var left int
	_, stderr, _ := published(t, func(s *server, r *request) {
		s.relayOne(gonbSays(r, "stderr", "panic: just a word\n"))
		for range 100 {
			s.relayOne(gonbSays(r, "stderr", line))
		}
		left = r.heldSize
	})
	if stderr < textLimit/2 || left > heldLimit {
		t.Errorf("%d bytes were shown, %d are held", stderr, left)
	}
}
