package kerneltest

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/golens/golens/kernel/session"
	"github.com/golens/golens/kernel/wire"
)

// stepLimit bounds each step: cells of conversations take a second, and a busy machine
// as long as it takes.
const stepLimit = 4 * time.Minute

// talk is a conversation that is going on.
type talk struct {
	t     testing.TB
	s     *session.Session
	cells []*cell
	told  int             // cells whose status has been looked at
	reply json.RawMessage // of the last ask
	where string
}

// cell is a cell that was sent and what came of it.
type cell struct {
	id       string
	stdout   string
	stderr   string
	err      string
	displays []map[string]any
	results  []map[string]any
	trace    string // of the error, without colours
	status   string
	begun    bool // it has its turn
	idle     bool
}

var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

func (c *cell) done() bool { return c.status != "" && c.idle }

// Run has the conversation of a txtar file with a kernel.
func Run(t testing.TB, s *session.Session, file string) {
	t.Helper()
	script, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := &talk{t: t, s: s}
	for i, step := range script.Files {
		c.where = fmt.Sprintf("%s: step %d (%s)", file, i+1, step.Name)
		verb, arg, _ := strings.Cut(step.Name, " ")
		if !c.act(verb, arg, string(step.Data)) {
			c.hold(verb, arg, string(step.Data))
			continue
		}
		if i+1 == len(script.Files) || isAct(script.Files[i+1].Name) {
			c.allWell(verb)
		}
	}
}

func isAct(name string) bool {
	switch verb, _, _ := strings.Cut(name, " "); verb {
	case "run", "send", "sleep", "begun", "until", "interrupt", "wait", "ask", "control":
		return true
	}
	return false
}

// act does a step that acts, and reports false for one that holds.
func (c *talk) act(verb, arg, data string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), stepLimit)
	defer cancel()
	switch verb {
	case "run":
		c.send(data)
		c.until(ctx, func() bool { return c.last().done() })
	case "send":
		c.send(data)
	case "sleep":
		d, err := time.ParseDuration(arg)
		if err != nil {
			c.t.Fatalf("%s: %v", c.where, err)
		}
		time.Sleep(d)
	case "begun": // what comes now stops it, be it still built or run
		c.until(ctx, func() bool { return c.last().begun })
	case "until":
		c.until(ctx, func() bool { return strings.Contains(c.last().stdout, arg) || c.last().done() })
	case "interrupt":
		c.ask(ctx, session.Control, "interrupt", "{}")
	case "wait":
		c.until(ctx, func() bool {
			for _, cell := range c.cells {
				if !cell.done() {
					return false
				}
			}
			return true
		})
	case "ask":
		c.ask(ctx, session.Shell, arg, data)
	case "control":
		c.ask(ctx, session.Control, arg, data)
	default:
		return false
	}
	return true
}

func (c *talk) last() *cell {
	if len(c.cells) == 0 {
		c.t.Fatalf("%s: no cell was sent before", c.where)
	}
	return c.cells[len(c.cells)-1]
}

func (c *talk) send(code string) {
	id, err := c.s.Post(session.Shell, "execute_request", map[string]any{
		"code": strings.TrimSuffix(code, "\n"), "silent": false, "store_history": true,
		"user_expressions": map[string]any{}, "allow_stdin": false, "stop_on_error": true,
	})
	if err != nil {
		c.t.Fatalf("%s: %v", c.where, err)
	}
	c.cells = append(c.cells, &cell{id: id})
}

func (c *talk) ask(ctx context.Context, on session.Channel, name, content string) {
	id, err := c.s.Post(on, name+"_request", json.RawMessage(content))
	if err != nil {
		c.t.Fatalf("%s: %v", c.where, err)
	}
	c.reply = nil
	for c.reply == nil {
		channel, m := c.next(ctx)
		if channel == on && m.ParentID() == id {
			if m.Header.MsgType != name+"_reply" {
				c.t.Fatalf("%s: the answer is a %s", c.where, m.Header.MsgType)
			}
			c.reply = m.Content
		}
	}
}

func (c *talk) until(ctx context.Context, done func() bool) {
	for !done() {
		c.next(ctx)
	}
}

// next takes the next message and gives it to the cell that it belongs to.
func (c *talk) next(ctx context.Context) (session.Channel, *wire.Message) {
	channel, m, err := c.s.Next(ctx)
	if err != nil {
		c.t.Fatalf("%s: %v", c.where, err)
	}
	for _, cell := range c.cells {
		if m.ParentID() == cell.id {
			c.take(cell, channel, m)
		}
	}
	return channel, m
}

// take notes a message of a cell.
func (c *talk) take(to *cell, channel session.Channel, m *wire.Message) {
	if to.idle && channel == session.IOPub {
		c.t.Errorf("%s: %s came after the cell's idle status", c.where, m.Header.MsgType)
	}
	var b struct {
		Status, Name, Text, EName, EValue string
		State                             string `json:"execution_state"`
		Traceback                         []string
		Data                              map[string]any
	}
	if err := m.Decode(&b); err != nil {
		c.t.Fatalf("%s: %v", c.where, err)
	}
	switch m.Header.MsgType {
	case "execute_input":
		to.begun = true
	case "execute_reply":
		to.status = b.Status
	case "status":
		to.idle = b.State == "idle"
	case "stream":
		if b.Name == "stderr" {
			to.stderr += b.Text
		} else {
			to.stdout += b.Text
		}
	case "execute_result":
		to.results = append(to.results, b.Data)
	case "display_data":
		to.displays = append(to.displays, b.Data)
	case "error":
		to.err = b.EName + ": " + b.EValue
		to.trace = colours.ReplaceAllString(strings.Join(b.Traceback, "\n"), "")
	}
}

// allWell checks a step that nothing else is held to.
func (c *talk) allWell(verb string) {
	if verb == "run" && (c.last().status != "ok" || c.last().err != "") {
		c.t.Errorf("%s: status %s: %s\n%s", c.where, c.last().status, c.last().err, c.last().stderr)
	}
}

// hold compares what came with what was to come.
func (c *talk) hold(verb, arg, want string) {
	want = strings.TrimSpace(want)
	switch verb {
	case "stdout":
		c.same(strings.TrimSpace(c.last().stdout), want)
	case "stderr":
		c.same(strings.TrimSpace(c.last().stderr), want)
	case "error":
		c.same(c.last().err, want)
	case "traceback":
		c.same(strings.TrimSpace(c.last().trace), want)
	case "display", "result":
		list := c.last().displays
		if verb == "result" {
			list = c.last().results
		}
		got := ""
		if len(list) > 0 {
			if arg == "" {
				arg = "text/plain"
			}
			got, _ = list[len(list)-1][arg].(string)
		}
		c.same(strings.TrimSpace(got), want)
	case "status":
		var got []string
		for _, cell := range c.cells[c.told:] {
			got = append(got, cell.status)
		}
		c.told = len(c.cells)
		c.same(strings.Join(got, "\n"), want)
	case "reply":
		var got, expect any
		if err := json.Unmarshal([]byte(want), &expect); err != nil {
			c.t.Fatalf("%s: %v", c.where, err)
		}
		if err := json.Unmarshal(c.reply, &got); err != nil {
			c.t.Fatalf("%s: %v", c.where, err)
		}
		if !holds(got, expect) {
			c.t.Errorf("%s: got %s\nwant %s", c.where, c.reply, want)
		}
	default:
		c.t.Fatalf("%s: there is no such step", c.where)
	}
}

// same compares texts; a final … in want stands for any rest.
func (c *talk) same(got, want string) {
	if head, open := strings.CutSuffix(want, "…"); open && strings.HasPrefix(got, head) {
		return
	}
	if got != want {
		c.t.Errorf("%s:\n got %q\nwant %q", c.where, got, want)
	}
}

// holds tells whether got has all that want has: objects may have further
// fields, everything else is equal.
func holds(got, want any) bool {
	w, ok := want.(map[string]any)
	if !ok {
		return reflect.DeepEqual(got, want)
	}
	g, ok := got.(map[string]any)
	if !ok {
		return false
	}
	for k, v := range w {
		if !holds(g[k], v) {
			return false
		}
	}
	return true
}
