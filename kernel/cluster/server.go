package cluster

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/golens/golens/kernel/internal/proc"
)

// Options are how a server runs.
type Options struct {
	Folder string   // of work, results, the certificate and the token
	Listen string   // host:port; port 0 is a free one, "" is 127.0.0.1:4222
	Names  []string // by which workers reach it, beside the addresses of this machine
	Plain  bool     // no TLS and no token; on this machine alone
	Most   int64    // bytes of work and results; 0 leaves a quarter of the disk free
	Log    func(format string, args ...any)
}

// A Server is a running server.
type Server struct {
	Address string
	Join    string // file by which clients and workers join
	nats    *server.Server
	options *server.Options
	folder  string
	log     func(format string, args ...any)
	full    chan struct{} // told when NATS cannot write
	quit    chan struct{} // closed to end
	ended   chan struct{}
	lock    interface{ Unlock() error }
}

// startPatience bounds the start, which reads what an earlier one has left.
const startPatience = time.Minute

// Start starts a server on its folder, in which it finds what an earlier one has left.
func Start(o Options) (s *Server, err error) {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:4222"
	}
	host, port, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return nil, fmt.Errorf("cluster: -listen %s: HOST:PORT, such as 127.0.0.1:4222: %w", o.Listen, err)
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 0 || n > 65535 {
		return nil, fmt.Errorf("cluster: -listen %s: %s is no port", o.Listen, port)
	}
	if n == 0 {
		n = server.RANDOM_PORT
	}
	if host == "" {
		host = "0.0.0.0"
	}
	if ip := net.ParseIP(host); o.Plain && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("cluster: without TLS and a token it listens to this machine alone, not to %s: what travels could be read, and anybody could send work", host)
	}
	if err := os.MkdirAll(o.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	if info, err := os.Stat(o.Folder); err != nil || info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("cluster: others can look into %s (mode %04o), which holds the token; chmod 700 it", o.Folder, info.Mode().Perm())
	}
	lock, err := proc.TryAcquire(filepath.Join(o.Folder, "lock"))
	if err != nil {
		return nil, fmt.Errorf("cluster: another server uses %s: %w", o.Folder, err)
	}
	defer func() {
		if err != nil {
			_ = lock.Unlock()
		}
	}()
	opts := &server.Options{ServerName: "golens", Host: host, Port: n, JetStream: true, StoreDir: o.Folder, JetStreamMaxStore: o.Most, JetStreamMaxMemory: 1 << 26,
		NoSigs: true, DisableJetStreamBanner: true, MaxPayload: 1 << 20, PingInterval: 5 * time.Second, MaxPingsOut: 2, WriteDeadline: 10 * time.Second}
	join := joinFile{path: filepath.Join(o.Folder, "join.json")}
	if !o.Plain {
		id, err := identity(o.Folder, host, o.Names)
		if err != nil {
			return nil, fmt.Errorf("cluster: %w", err)
		}
		opts.TLS, opts.TLSConfig = true, &tls.Config{Certificates: []tls.Certificate{id.pair}, MinVersion: tls.VersionTLS12}
		opts.TLSTimeout = 5
		opts.Authorization = id.token
		join.Token, join.CA = id.token, id.pem
	}
	s = &Server{Join: join.path, options: opts, folder: o.Folder, log: o.Log, lock: lock, full: make(chan struct{}, 1), quit: make(chan struct{}), ended: make(chan struct{})}
	if s.log == nil {
		s.log = func(string, ...any) {}
	}
	if err := s.run(); err != nil {
		return nil, err
	}
	addr, ok := s.nats.Addr().(*net.TCPAddr)
	if !ok {
		s.nats.Shutdown()
		return nil, errors.New("cluster: the server has no address")
	}
	opts.Port = addr.Port // also if it starts again
	join.URL = join.address(host, addr.Port, o.Names)
	s.Address = join.URL
	if err := join.write(); err != nil {
		s.nats.Shutdown()
		return nil, fmt.Errorf("cluster: %w", err)
	}
	go s.mend()
	return s, nil
}

// run starts NATS on the folder.
func (s *Server) run() error {
	ns, err := server.NewServer(s.options.Clone())
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	ns.SetLoggerV2(&serverLog{s.log, s.full}, false, false, false)
	go ns.Start()
	if !ns.ReadyForConnections(startPatience) {
		ns.Shutdown()
		return fmt.Errorf("cluster: the server does not start on port %d of %s; is it in use?", s.options.Port, s.options.Host)
	}
	if !ns.JetStreamEnabled() {
		ns.Shutdown()
		return fmt.Errorf("cluster: the server cannot keep its work in %s", s.folder)
	}
	s.nats = ns
	return nil
}

// room is what must fit on the disk before a server that could not write starts again.
const room = 4 << 20

// mend starts NATS again where it could not write, once there is room: it takes
// nothing more until then. Clients and workers wait, and come again.
func (s *Server) mend() {
	defer close(s.ended)
	for {
		select {
		case <-s.full:
		case <-s.quit:
			return
		}
		s.log("the folder %s cannot be written; the server starts again when there is room", s.folder)
		for again := time.NewTicker(time.Second); ; {
			select {
			case <-again.C:
			case <-s.quit:
				return
			}
			probe := filepath.Join(s.folder, "room")
			err := os.WriteFile(probe, make([]byte, room), 0o600)
			os.Remove(probe)
			if err != nil {
				continue
			}
			again.Stop()
			break
		}
		s.nats.Shutdown()
		s.nats.WaitForShutdown()
		select { // what it said on its way
		case <-s.full:
		default:
		}
		for err := s.run(); err != nil; err = s.run() {
			s.log("%v", err)
			select {
			case <-time.After(time.Second):
			case <-s.quit:
				return
			}
		}
	}
}

// Close ends the server in order; the folder stays.
func (s *Server) Close() error {
	close(s.quit)
	<-s.ended
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
	return s.lock.Unlock()
}

// serverLog hands on what NATS warns of, and notes when it cannot write. It logs no
// secrets: neither tokens nor what messages hold are among warnings and errors.
type serverLog struct {
	log  func(format string, args ...any)
	full chan struct{}
}

func (l *serverLog) Noticef(string, ...any)       {}
func (l *serverLog) Debugf(string, ...any)        {}
func (l *serverLog) Tracef(string, ...any)        {}
func (l *serverLog) Warnf(f string, args ...any)  { l.log("warning: "+f, args...) }
func (l *serverLog) Fatalf(f string, args ...any) { l.log("fatal: "+f, args...) }

func (l *serverLog) Errorf(f string, args ...any) {
	s := fmt.Sprintf(f, args...)
	l.log("error: %s", s)
	if strings.Contains(s, "ritical write error") || strings.Contains(s, "no space left") || strings.Contains(s, "out of resources") {
		select {
		case l.full <- struct{}{}:
		default:
		}
	}
}
