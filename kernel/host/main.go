package host

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/golens/golens/kernel/internal/proc"
)

// SocketEnv names the variable that holds the path of the host's socket, for
// the host and for its clients.
const SocketEnv = "GOLENS_SOCKET"

// grace is how long requests may go on once the host is told to end: enough to
// send an answer that is ready, too short to keep a kernel's shutdown waiting.
const grace = 300 * time.Millisecond

// Main runs a host that answers with h and returns the process's exit status.
func Main(h http.Handler) int {
	log.SetFlags(0)
	log.SetPrefix("golens-host: ")
	socket := flag.String("socket", os.Getenv(SocketEnv), "`path` of the unix socket to listen on")
	fd := flag.Int("fd", 0, "listen on the socket that is open as this file descriptor")
	guard := flag.String("guard", "", "`file` that says what to end and remove if the supervisor is killed")
	flag.Parse()
	l, err := listen(*socket, *fd)
	if err != nil {
		log.Print(err)
		return 1
	}
	if err := serve(ended(os.Stdin), l, h); err != nil {
		log.Print(err)
		return 1
	}
	if *guard != "" {
		if err := Guard(*guard); err != nil {
			log.Print(err)
			return 1
		}
	}
	return 0
}

// listen opens the socket: the one inherited as fd, or a new one at path.
func listen(path string, fd int) (net.Listener, error) {
	if fd > 0 {
		f := os.NewFile(uintptr(fd), "socket")
		l, err := net.FileListener(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("file descriptor %d is not a listening socket: %w", fd, err)
		}
		return l, nil
	}
	if path == "" {
		return nil, fmt.Errorf("no socket: give -socket PATH or set %s", SocketEnv)
	}
	return Listen(path)
}

// Listen makes a unix socket at path that only this user can open. Its folder,
// made if needed, is closed to others while the socket's mode is not yet set.
// A socket that is there but that nobody answers is replaced.
func Listen(path string) (*net.UnixListener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
		conn.Close()
		return nil, fmt.Errorf("%s: another host listens there", path)
	} else if errors.Is(err, syscall.ECONNREFUSED) {
		os.Remove(path)
	}
	return proc.ListenUnix(path)
}

// ended returns a context that ends when r does, or on a signal to end. Further
// signals change nothing: a supervisor's death is seen by both, and what it has
// left is still to be cleaned up.
func ended(r io.Reader) context.Context {
	ctx, end := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP, os.Interrupt)
	go func() {
		<-signals
		end()
	}()
	go func() {
		_, _ = io.Copy(io.Discard, r)
		end()
	}()
	return ctx
}

// serve answers requests until ctx ends; then requests that are under way are
// cancelled.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler:     h,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := srv.Shutdown(end); err != nil {
		srv.Close()
	}
	return nil
}
