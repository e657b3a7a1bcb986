package zmtp

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net"
	"sync"
	"time"
)

const (
	// messageLimit bounds what a peer sends: a browser's connection to a Jupyter
	// server carries 10 MB.
	messageLimit = 64 << 20
	// topicLimit bounds a subscription, topicsLimit how many a peer has.
	topicLimit, topicsLimit = 4 << 10, 256
	// peersLimit bounds the connections of a socket, each of which costs a file.
	peersLimit = 256
	// heldLimit bounds what the messages of all peers take that are being read, of
	// whom nobody knows yet whether they have the key.
	heldLimit = 2 * messageLimit
)

// Server is a ROUTER or PUB socket with any number of peers. Its methods may be
// called from several goroutines at once.
type Server struct {
	kind Kind
	l    net.Listener
	log  func(format string, args ...any)
	in   chan [][]byte // without room: what waits in it is being read, too
	done chan struct{}
	once sync.Once

	linger time.Duration

	mu    sync.Mutex
	peers map[string]*peer // by identity
	conns map[net.Conn]bool
	held  int // bytes of messages that are being read
}

// peer is one connection of a server.
type peer struct {
	*conn
	out *queue

	held int // of its server's

	mu     sync.Mutex
	topics map[string]bool
}

// Serve makes a socket of kind Router or Pub that accepts peers on l. log, which
// may be nil, is told of peers that are refused or dropped.
func Serve(l net.Listener, kind Kind, log func(format string, args ...any)) *Server {
	if log == nil {
		log = func(string, ...any) {}
	}
	s := &Server{kind: kind, l: l, log: log, in: make(chan [][]byte), done: make(chan struct{}), linger: linger,
		peers: make(map[string]*peer), conns: make(map[net.Conn]bool)}
	go s.accept()
	return s
}

func (s *Server) accept() {
	for {
		c, err := s.l.Accept()
		if err != nil {
			select {
			case <-s.done:
				return
			case <-time.After(50 * time.Millisecond): // no file is free: try again
				continue
			}
		}
		if !s.admit(c) {
			c.Close()
			continue
		}
		go func() {
			defer s.forget(c)
			if err := s.meet(c); err != nil {
				s.log("a client of the %s socket: %v", s.kind, err)
			}
		}()
	}
}

// admit counts a new connection.
func (s *Server) admit(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.done:
		return false
	default:
	}
	if len(s.conns) >= peersLimit && !s.makeRoom(host(c)) {
		return false
	}
	s.conns[c] = true
	return true
}

// makeRoom drops a connection of the machine that has most of all, unless that is
// the one that asks: no stranger can hold all of them.
func (s *Server) makeRoom(asks string) bool {
	of := map[string][]net.Conn{}
	most := asks
	for c := range s.conns {
		h := host(c)
		if of[h] = append(of[h], c); len(of[h]) > len(of[most]) {
			most = h
		}
	}
	if most == asks {
		return false
	}
	delete(s.conns, of[most][0])
	of[most][0].Close()
	return true
}

// host is the machine that a connection comes from.
func host(c net.Conn) string {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return a.IP.String()
	}
	return ""
}

// hold makes room for n more bytes of a message of p's. Where there is none the
// peer that holds most is dropped, unless that is p.
func (s *Server) hold(p *peer, n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.held+n > heldLimit {
		most := p
		for _, q := range s.peers {
			if q.held > most.held {
				most = q
			}
		}
		if most == p {
			return fmt.Errorf("%w: the messages of all clients that are not whole yet take %d MB", ErrTooLarge, s.held>>20)
		}
		s.held -= most.held
		most.held = 0
		most.Close()
	}
	p.held += n
	s.held += n
	return nil
}

// release gives back what a message of p's has held.
func (s *Server) release(p *peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held -= p.held
	p.held = 0
}

func (s *Server) forget(c net.Conn) {
	c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// meet talks with one peer until it goes away, for which it returns nil, or
// breaks the protocol.
func (s *Server) meet(c net.Conn) error {
	if err := sameUser(c); err != nil {
		return err
	}
	limit := messageLimit
	if s.kind == Pub {
		limit = topicLimit
	}
	z, err := greet(c, s.kind, "", limit)
	if err != nil {
		return err
	}
	p := &peer{conn: z, out: newQueue(), topics: make(map[string]bool)}
	z.hold = func(n int) error { return s.hold(p, n) }
	defer s.release(p)
	if p.identity == "" || s.kind == Pub {
		p.identity = "\x00" + rand.Text()
	}
	s.add(p)
	defer s.remove(p)
	go func() {
		p.out.send(p)
		p.Close()
	}()
	for {
		frames, err := p.recv(func(f []byte) { s.enqueue(p, f) })
		if err != nil {
			if tooBad(err) {
				return err
			}
			return nil // gone
		}
		if s.kind == Pub {
			if err := p.subscribe(frames); err != nil {
				return err
			}
			continue
		}
		select {
		case s.in <- append([][]byte{[]byte(p.identity)}, frames...):
			s.release(p)
		case <-s.done:
			return nil
		}
	}
}

// add makes p known. A peer of the same identity is a client's connection of
// before: it is dropped.
func (s *Server) add(p *peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.peers[p.identity]; old != nil {
		old.Close()
	}
	s.peers[p.identity] = p
}

func (s *Server) remove(p *peer) {
	p.out.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peers[p.identity] == p {
		delete(s.peers, p.identity)
	}
}

// subscribe follows a subscription or its end.
func (p *peer) subscribe(frames [][]byte) error {
	if len(frames) != 1 || len(frames[0]) == 0 || frames[0][0] > 1 {
		return fmt.Errorf("%w: no subscription", ErrProtocol)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	topic := string(frames[0][1:])
	if frames[0][0] == 0 {
		delete(p.topics, topic)
		return nil
	}
	if p.topics[topic] = true; len(p.topics) > topicsLimit {
		return fmt.Errorf("%w: more than %d subscriptions", ErrTooLarge, topicsLimit)
	}
	return nil
}

// wants tells whether the peer has subscribed to the topic of a message.
func (p *peer) wants(topic []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for t := range p.topics {
		if bytes.HasPrefix(topic, []byte(t)) {
			return true
		}
	}
	return false
}

// Send queues a message and never waits for a peer. A ROUTER sends it to the
// peer whose identity is its first frame, if there is one; a PUB to all that
// have subscribed to its first frame. A peer whose queue is full is dropped.
func (s *Server) Send(frames [][]byte) error {
	if len(frames) == 0 {
		return fmt.Errorf("zmtp: a message without frames")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.done:
		return net.ErrClosed
	default:
	}
	if s.kind == Router {
		if p := s.peers[string(frames[0])]; p != nil {
			s.enqueue(p, encode(frames[1:]))
		}
		return nil
	}
	var b []byte
	for _, p := range s.peers {
		if !p.wants(frames[0]) {
			continue
		}
		if b == nil {
			b = encode(frames)
		}
		s.enqueue(p, b)
	}
	return nil
}

func (s *Server) enqueue(p *peer, b []byte) {
	if !p.out.put(b) {
		s.log("a client of the %s socket does not read what is sent to it; it is disconnected", s.kind)
		p.out.close()
		p.Close()
	}
}

// Recv waits for the next message of any peer. Its first frame is the peer's
// identity. The error is net.ErrClosed.
func (s *Server) Recv() ([][]byte, error) {
	select {
	case m := <-s.in:
		return m, nil
	case <-s.done:
		return nil, net.ErrClosed
	}
}

// linger is how long Close waits for peers to take what is queued for them: they are
// local, and it is little, but the machine may be busy.
const linger = 300 * time.Millisecond

// Close sends what is queued, as far as peers take it at once, and drops them.
func (s *Server) Close() error {
	s.once.Do(func() {
		for end := time.Now().Add(s.linger); !s.flushed() && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		close(s.done)
		s.l.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for c := range s.conns {
			c.Close()
		}
	})
	return nil
}

func (s *Server) flushed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.peers {
		if !p.out.empty() {
			return false
		}
	}
	return true
}
