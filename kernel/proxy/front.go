package proxy

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/golens/golens/kernel/wire"
	"github.com/golens/golens/kernel/wire/zmtp"
)

// front holds the sockets that Jupyter connects to.
type front struct {
	shell, control, stdin, iopub, heartbeat *wire.Socket
}

// listen opens the sockets of conn.
func listen(ctx context.Context, conn wire.Connection, log func(format string, args ...any)) (*front, error) {
	f := new(front)
	for _, s := range []struct {
		name string
		to   **wire.Socket
		kind zmtp.Kind
		port int
	}{
		{"shell", &f.shell, zmtp.Router, conn.ShellPort},
		{"control", &f.control, zmtp.Router, conn.ControlPort},
		{"stdin", &f.stdin, zmtp.Router, conn.StdinPort},
		{"iopub", &f.iopub, zmtp.Pub, conn.IOPubPort},
		{"heartbeat", &f.heartbeat, zmtp.Router, conn.HBPort},
	} {
		socket, err := conn.Listen(ctx, s.kind, s.port, log)
		if err != nil {
			return nil, fmt.Errorf("%s channel: %w", s.name, err)
		}
		*s.to = socket
	}
	go f.heartbeat.Echo()
	return f, nil
}

// sparse passes on the first line, the second, the fourth and so on: strangers
// may cause any number.
func sparse(log func(format string, args ...any)) func(format string, args ...any) {
	var count atomic.Int64
	return func(format string, args ...any) {
		if n := count.Add(1); n&(n-1) == 0 {
			log("%s (%d such so far)", fmt.Sprintf(format, args...), n)
		}
	}
}

// close sends what is queued and closes the sockets.
func (f *front) close() {
	for _, s := range []*wire.Socket{f.shell, f.control, f.stdin, f.iopub, f.heartbeat} {
		s.Close()
	}
}
