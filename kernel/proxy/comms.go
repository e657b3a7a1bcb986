package proxy

import (
	"encoding/json"
	"sync"

	"github.com/golens/golens/kernel/wire"
)

// comms remembers the open channels of widgets.
type comms struct {
	mu   sync.Mutex
	open map[string]string // comm_id -> target_name
}

// gonbTarget is what a front end opens to reach gonb's widgets. There is no other
// target; ipywidgets, for one, asks for jupyter.widget.control.
const gonbTarget = "gonb_comm"

// toNobody gives the channel that a front end's message opens to a target that there is not.
func toNobody(m *wire.Message) (id string, ok bool) {
	var b struct {
		ID     string `json:"comm_id"`
		Target string `json:"target_name"`
	}
	if m.Header.MsgType != "comm_open" || m.Decode(&b) != nil || b.ID == "" {
		return "", false
	}
	return b.ID, b.Target != gonbTarget
}

// note follows a comm_open or comm_close.
func (c *comms) note(m *wire.Message) {
	var b struct {
		ID     string `json:"comm_id"`
		Target string `json:"target_name"`
	}
	if json.Unmarshal(m.Content, &b) != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch m.Header.MsgType {
	case "comm_open":
		if c.open == nil {
			c.open = make(map[string]string)
		}
		c.open[b.ID] = b.Target
	case "comm_close":
		delete(c.open, b.ID)
	}
}

// answer returns the content of a comm_info_reply.
func (c *comms) answer(m *wire.Message) any {
	var req struct {
		Target string `json:"target_name"`
	}
	_ = m.Decode(&req)
	c.mu.Lock()
	defer c.mu.Unlock()
	found := map[string]any{}
	for id, target := range c.open {
		if req.Target == "" || req.Target == target {
			found[id] = map[string]string{"target_name": target}
		}
	}
	return map[string]any{"status": "ok", "comms": found}
}
