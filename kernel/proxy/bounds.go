package proxy

import (
	"encoding/json"
	"fmt"

	"github.com/golens/golens/kernel/wire"
)

// Bounds of what one cell shows. JupyterLab lays out all text of a cell with every piece
// that comes: half a megabyte, 13,000 lines, takes it 2 seconds, and two megabytes
// more than a minute. Figures of a whole sweep have room. What is beyond is dropped, and
// said so.
const (
	textLimit = 1 << 19
	showLimit = 256 << 20
	// heldLimit bounds the lines that are held back because an error may tell
	// them better: a panic with the stacks of thousands of goroutines.
	heldLimit = 1 << 20
)

// shown counts the bytes that a cell has shown.
type shown struct {
	text, all int
	told      bool
}

// room counts a message, and tells whether there is room to show it and, once,
// what is to be said where there is none.
func (s *shown) room(m *wire.Message) (ok bool, note string) {
	switch m.Header.MsgType {
	case "clear_output":
		var c struct{ Wait bool }
		if json.Unmarshal(m.Content, &c) == nil {
			*s = shown{}
		}
		return true, ""
	case "stream":
		if s.told || s.text+len(m.Content) > textLimit { // no shorter lines behind those that are left out
			return false, s.once("printed more than", textLimit)
		}
		s.text += len(m.Content)
	case "display_data", "update_display_data", "execute_result":
	default:
		return true, ""
	}
	if s.all+len(m.Content) > showLimit {
		return false, s.once("shown more than", showLimit)
	}
	s.all += len(m.Content)
	return true, ""
}

func (s *shown) once(what string, limit int) string {
	if s.told {
		return ""
	}
	s.told = true
	return fmt.Sprintf("golens: this cell has %s %d KB; the rest is not shown (write it to a file)\n", what, limit>>10)
}

// show passes on an output of r's, if there is room.
func (p *Proxy) show(r *request, m *wire.Message) {
	r.mu.Lock()
	ok, note := r.shown.room(m)
	r.mu.Unlock()
	if note != "" {
		p.stream(r.msg, "stderr", note)
	}
	if ok {
		p.broadcast(m)
	}
}
