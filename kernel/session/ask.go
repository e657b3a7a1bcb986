package session

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/golens/golens/kernel/wire"
)

// askPatience bounds the wait for an answer on the control channel, which a
// kernel gives at once where the machine is not busy.
const askPatience = 50 * time.Second

// Ask sends the request NAME_request on the control channel and returns the
// content of the answer, whose type is NAME_reply.
func (s *Session) Ask(ctx context.Context, name string) (json.RawMessage, error) {
	req := wire.New(name+"_request", s.id, nil, struct{}{})
	if err := s.control.Send(req); err != nil {
		return nil, s.dead(err)
	}
	timeout := time.After(askPatience)
	for {
		select {
		case m := <-s.ctlReplies:
			if m.ParentID() == req.Header.MsgID {
				return m.Content, nil
			}
		case <-timeout:
			return nil, fmt.Errorf("the kernel does not answer %s", req.Header.MsgType)
		case <-s.exited:
			return nil, s.dead(nil)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
