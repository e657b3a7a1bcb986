package session

import (
	"context"
	"fmt"

	"github.com/golens/golens/kernel/wire"
)

// Channel is one of a kernel's sockets.
type Channel string

// The channels that a client of this package talks on.
const (
	Shell   Channel = "shell"
	Control Channel = "control"
	IOPub   Channel = "iopub"
)

// Post sends a message on the shell or the control channel and returns its id.
// It is for conversations that Execute and Ask do not cover; read the answers
// with Next.
func (s *Session) Post(on Channel, msgType string, content any) (id string, err error) {
	m := wire.New(msgType, s.id, nil, content)
	to := s.shell
	if on == Control {
		to = s.control
	}
	if err := to.Send(m); err != nil {
		return "", s.dead(err)
	}
	return m.Header.MsgID, nil
}

// Next waits for the next message of the kernel on any channel. It takes
// messages away from Execute and Ask: do not call it while one of these runs.
func (s *Session) Next(ctx context.Context) (Channel, *wire.Message, error) {
	select {
	case m := <-s.published:
		return IOPub, m, nil
	case m := <-s.replies:
		return Shell, m, nil
	case m := <-s.ctlReplies:
		return Control, m, nil
	case <-s.exited:
		return "", nil, s.dead(nil)
	case <-ctx.Done():
		return "", nil, fmt.Errorf("waiting for the kernel: %w", ctx.Err())
	}
}

// Pid is the id of the kernel's process.
func (s *Session) Pid() int { return s.cmd.Process.Pid }

// Exited is closed when the kernel's process has ended.
func (s *Session) Exited() <-chan struct{} { return s.exited }
