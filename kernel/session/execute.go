package session

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/golens/golens/kernel/notebook"
	"github.com/golens/golens/kernel/wire"
)

// CellError is the failure of a cell.
type CellError struct {
	Name, Value string
	TimedOut    bool // it was interrupted because its time was up
}

// Error implements error.
func (e *CellError) Error() string {
	if e.TimedOut {
		return "time limit exceeded: " + e.Value
	}
	return e.Name + ": " + e.Value
}

// Limits bound the run of one cell.
type Limits struct {
	Time time.Duration // 0: no limit
	// Grace is how long an interrupted cell may take to end before the kernel
	// is given up; 0: 15 seconds, thrice what gonb grants a cell.
	Grace time.Duration
	// Input answers a program that asks for a line of input; nil: it finds its
	// input at an end.
	Input func(prompt string) string
}

// Outputs collects what a cell shows, in order.
type Outputs struct {
	List  []notebook.Output
	Count int  // execution count
	clear bool // clear when the next output comes

	open strings.Builder // text of the last output, if that is a stream
	text int             // bytes of all streams
}

// textLimit bounds the text of a cell: twice what golens' kernel shows of one,
// which says so itself.
const textLimit = 32 << 20

// Execute runs code and returns what it showed. show, which may be nil, is
// called after each change of the outputs. The error is a *CellError if the
// cell failed, and wraps ErrDead if the kernel is gone.
func (s *Session) Execute(ctx context.Context, code string, limits Limits, show func(*Outputs)) (*Outputs, error) {
	out := &Outputs{}
	req := wire.New("execute_request", s.id, nil, map[string]any{
		"code": code, "silent": false, "store_history": true,
		"user_expressions": map[string]any{}, "allow_stdin": limits.Input != nil, "stop_on_error": true,
	})
	if err := s.shell.Send(req); err != nil {
		return out, s.dead(err)
	}
	var deadline, giveUp <-chan time.Time
	if limits.Time > 0 {
		t := time.NewTimer(limits.Time)
		defer t.Stop()
		deadline = t.C
	}
	grace := limits.Grace
	if grace == 0 {
		grace = 15 * time.Second
	}
	timedOut := false
	var reply *wire.Message
	for idle := false; reply == nil || !idle; {
		select {
		case m := <-s.published:
			if m.ParentID() != req.Header.MsgID {
				break
			}
			if m.Header.MsgType == "status" {
				var st struct {
					State string `json:"execution_state"`
				}
				idle = idle || (m.Decode(&st) == nil && st.State == "idle")
				break
			}
			if out.take(m) && show != nil {
				show(out)
			}
		case m := <-s.replies:
			if m.ParentID() == req.Header.MsgID {
				reply = m
			}
		case m := <-s.prompts:
			var c struct{ Prompt string }
			if limits.Input == nil || m.ParentID() != req.Header.MsgID || m.Decode(&c) != nil {
				break
			}
			answer := wire.New("input_reply", s.id, m, map[string]any{"value": limits.Input(c.Prompt)})
			if err := s.stdin.Send(answer); err != nil {
				return out, s.dead(err)
			}
		case <-deadline:
			timedOut = true
			if err := s.Interrupt(); err != nil {
				return out, s.dead(err)
			}
			giveUp = time.After(grace)
		case <-giveUp:
			return out, &CellError{Name: "Timeout", TimedOut: true,
				Value: fmt.Sprintf("the cell did not end within %v of its interruption after %v", grace, limits.Time)}
		case <-s.exited:
			s.drain(out, req.Header.MsgID)
			return out, s.dead(nil)
		case <-ctx.Done():
			_ = s.Interrupt()
			return out, ctx.Err()
		}
	}
	return out, cellError(reply, timedOut, limits.Time)
}

// drain takes the outputs that arrived before the kernel's end was seen.
func (s *Session) drain(out *Outputs, id string) {
	for {
		select {
		case m := <-s.published:
			if m.ParentID() == id {
				out.take(m)
			}
		default:
			return
		}
	}
}

// cellError reads the failure from a reply.
func cellError(reply *wire.Message, timedOut bool, limit time.Duration) error {
	var c struct {
		Status string `json:"status"`
		EName  string `json:"ename"`
		EValue string `json:"evalue"`
	}
	if err := reply.Decode(&c); err != nil {
		return err
	}
	switch {
	case c.Status == "ok":
		return nil
	case timedOut:
		return &CellError{Name: "Timeout", Value: fmt.Sprintf("stopped after %v", limit), TimedOut: true}
	case c.Status == "aborted":
		return &CellError{Name: "Aborted", Value: "not run, because an earlier cell failed"}
	}
	return &CellError{Name: c.EName, Value: c.EValue}
}

// take adds a message to the outputs and reports whether it changed them.
func (o *Outputs) take(m *wire.Message) bool {
	switch m.Header.MsgType {
	case "execute_input":
		var c struct {
			Count int `json:"execution_count"`
		}
		if m.Decode(&c) == nil {
			o.Count = c.Count
		}
		return false
	case "stream":
		var c struct{ Name, Text string }
		if m.Decode(&c) != nil {
			return false
		}
		o.stream(c.Name, c.Text)
	case "display_data", "execute_result", "update_display_data":
		return o.display(m)
	case "error":
		var c struct {
			EName     string   `json:"ename"`
			EValue    string   `json:"evalue"`
			Traceback []string `json:"traceback"`
		}
		if m.Decode(&c) != nil {
			return false
		}
		o.add(notebook.Output{Type: notebook.Error, EName: c.EName, EValue: c.EValue, Traceback: c.Traceback})
	case "clear_output":
		var c struct{ Wait bool }
		if m.Decode(&c) == nil && c.Wait {
			o.clear = true
			return false
		}
		o.List, o.text = nil, 0
	default:
		return false
	}
	return true
}

// stream adds text to the last output if that is the same stream's.
func (o *Outputs) stream(name, text string) {
	if o.clear {
		o.text = 0
	}
	if o.text > textLimit {
		return
	}
	if o.text += len(text); o.text > textLimit {
		name, text = "stderr", fmt.Sprintf("\ngolens: this cell has printed more than %d MB; the rest is not shown\n", textLimit>>20)
	}
	n := len(o.List)
	if o.clear || n == 0 || o.List[n-1].Type != notebook.Stream || o.List[n-1].Name != name {
		o.open.Reset()
		o.add(notebook.Output{Type: notebook.Stream, Name: name})
		n = len(o.List)
	}
	o.open.WriteString(text)
	o.List[n-1].Text = o.open.String()
}

func (o *Outputs) add(out notebook.Output) {
	if o.clear {
		o.List, o.clear = nil, false
	}
	o.List = append(o.List, out)
}

// display adds a display or changes the one that it names.
func (o *Outputs) display(m *wire.Message) bool {
	var c struct {
		Data      map[string]any `json:"data"`
		Metadata  map[string]any `json:"metadata"`
		Count     int            `json:"execution_count"`
		Transient struct {
			DisplayID string `json:"display_id"`
		} `json:"transient"`
	}
	if json.Unmarshal(m.Content, &c) != nil {
		return false
	}
	out := notebook.Output{Type: notebook.Display, Data: c.Data, Metadata: c.Metadata, DisplayID: c.Transient.DisplayID}
	switch m.Header.MsgType {
	case "update_display_data":
		found := false
		for i := range o.List {
			if o.List[i].DisplayID != "" && o.List[i].DisplayID == out.DisplayID {
				o.List[i].Data, o.List[i].Metadata = out.Data, out.Metadata
				found = true
			}
		}
		return found
	case "execute_result":
		out.Type, out.Count = notebook.Result, c.Count
	}
	o.add(out)
	return true
}
