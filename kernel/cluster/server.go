package cluster

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
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
	Join string // file by which clients and workers join
	nats *server.Server
	lock interface{ Unlock() error }
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
	ns, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	if o.Log != nil {
		ns.SetLoggerV2(&serverLog{o.Log}, false, false, false)
	}
	go ns.Start()
	if !ns.ReadyForConnections(startPatience) {
		ns.Shutdown()
		return nil, fmt.Errorf("cluster: the server does not start on %s; is the port in use?", o.Listen)
	}
	if !ns.JetStreamEnabled() {
		ns.Shutdown()
		return nil, fmt.Errorf("cluster: the server cannot keep its work in %s", o.Folder)
	}
	addr, ok := ns.Addr().(*net.TCPAddr)
	if !ok {
		ns.Shutdown()
		return nil, errors.New("cluster: the server has no address")
	}
	join.URL = join.address(host, addr.Port, o.Names)
	if err := join.write(); err != nil {
		ns.Shutdown()
		return nil, fmt.Errorf("cluster: %w", err)
	}
	return &Server{join.path, ns, lock}, nil
}

// Close ends the server in order; the folder stays.
func (s *Server) Close() error {
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
	return s.lock.Unlock()
}

// serverLog hands on what NATS warns of. It logs no secrets: neither tokens nor what
// messages hold are among warnings and errors.
type serverLog struct {
	log func(format string, args ...any)
}

func (l *serverLog) Noticef(string, ...any)       {}
func (l *serverLog) Debugf(string, ...any)        {}
func (l *serverLog) Tracef(string, ...any)        {}
func (l *serverLog) Warnf(f string, args ...any)  { l.log("warning: "+f, args...) }
func (l *serverLog) Errorf(f string, args ...any) { l.log("error: "+f, args...) }
func (l *serverLog) Fatalf(f string, args ...any) { l.log("fatal: "+f, args...) }
