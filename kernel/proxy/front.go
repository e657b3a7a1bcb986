package proxy

import (
	"context"
	"fmt"
	"io"
	"log"

	"github.com/go-zeromq/zmq4"

	"github.com/golens/golens/kernel/wire"
)

// front holds the sockets that Jupyter connects to.
type front struct {
	shell, control, stdin, iopub *wire.Socket
	heartbeat                    zmq4.Socket
}

// quiet keeps ZeroMQ's own log lines, about clients that come and go, off the
// server's log.
var quiet = zmq4.WithLogger(log.New(io.Discard, "", 0))

// listen opens the sockets of conn.
func listen(ctx context.Context, conn wire.Connection) (*front, error) {
	shell := zmq4.NewRouter(ctx, quiet)
	control := zmq4.NewRouter(ctx, quiet)
	stdin := zmq4.NewRouter(ctx, quiet)
	iopub := zmq4.NewPub(ctx, quiet)
	heartbeat := zmq4.NewRep(ctx, quiet)
	for _, s := range []struct {
		name   string
		socket zmq4.Socket
		port   int
	}{
		{"shell", shell, conn.ShellPort},
		{"control", control, conn.ControlPort},
		{"stdin", stdin, conn.StdinPort},
		{"iopub", iopub, conn.IOPubPort},
		{"heartbeat", heartbeat, conn.HBPort},
	} {
		if err := s.socket.Listen(conn.Endpoint(s.port)); err != nil {
			return nil, fmt.Errorf("%s channel: %w", s.name, err)
		}
	}
	return &front{
		shell:     wire.Wrap(ctx, shell, conn.Key),
		control:   wire.Wrap(ctx, control, conn.Key),
		stdin:     wire.Wrap(ctx, stdin, conn.Key),
		iopub:     wire.Wrap(ctx, iopub, conn.Key),
		heartbeat: heartbeat,
	}, nil
}

// echo answers heartbeats until the socket is closed.
func (f *front) echo() {
	for {
		msg, err := f.heartbeat.Recv()
		if err != nil || f.heartbeat.Send(msg) != nil {
			return
		}
	}
}

func (f *front) close() {
	f.shell.Close()
	f.control.Close()
	f.stdin.Close()
	f.iopub.Close()
	f.heartbeat.Close()
}
