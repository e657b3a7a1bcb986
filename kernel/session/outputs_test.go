package session

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/golens/golens/kernel/wire"
)

// message is one of a kernel's.
func message(kind string, content any) *wire.Message { return wire.New(kind, "k", nil, content) }

type object = map[string]any

// 100 MB in lines end after 32, with a note, and are copied in their length, not
// in its square.
func TestEndlessText(t *testing.T) {
	var o Outputs
	line := strings.Repeat("x", 1023) + "\n"
	m := message("stream", object{"name": "stdout", "text": line})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 << 10 {
		o.take(m)
	}
	runtime.ReadMemStats(&after)
	if copied := after.TotalAlloc - before.TotalAlloc; copied > 4<<30 { // quadratic: 30,000 copies of 16 MB on average are half a terabyte
		t.Errorf("%d bytes were copied", copied)
	}
	if len(o.List) != 2 || len(o.List[0].Text) != textLimit || !strings.Contains(o.List[1].Text, "more than 32 MB; the rest is not shown") {
		t.Errorf("%d outputs, the last is %q", len(o.List), o.List[len(o.List)-1].Text)
	}
	o.take(message("clear_output", object{"wait": true}))
	if o.take(m); len(o.List) != 1 || o.List[0].Text != line {
		t.Errorf("after clearing: %d outputs", len(o.List))
	}
}

func TestOutputsAreGatheredAsJupyterDoes(t *testing.T) {
	stream := func(name, text string) *wire.Message {
		return message("stream", object{"name": name, "text": text})
	}
	display := func(kind, id, text string) *wire.Message {
		return message(kind, object{"data": object{"text/plain": text}, "transient": object{"display_id": id}})
	}
	for _, test := range []struct {
		name     string
		messages []*wire.Message
		want     string
	}{
		{"texts of a stream join", []*wire.Message{stream("stdout", "a\n"), stream("stdout", "b\n")}, "stdout:a\nb\n"},
		{"streams alternate", []*wire.Message{stream("stdout", "a"), stream("stderr", "b"), stream("stdout", "c")}, "stdout:a|stderr:b|stdout:c"},
		{"a display is replaced", []*wire.Message{display("display_data", "1", "old"), stream("stdout", "a"), display("update_display_data", "1", "new")}, "new|stdout:a"},
		{"an update of nothing", []*wire.Message{display("display_data", "", "a"), display("update_display_data", "", "b")}, "a"},
		{"cleared", []*wire.Message{stream("stdout", "a"), message("clear_output", object{"wait": false})}, ""},
		{"cleared at the next", []*wire.Message{stream("stdout", "a"), message("clear_output", object{"wait": true}), stream("stdout", "b")}, "stdout:b"},
		{"waits for a next that never comes", []*wire.Message{stream("stdout", "a"), message("clear_output", object{"wait": true})}, "stdout:a"},
		{"error", []*wire.Message{message("error", object{"ename": "E", "evalue": "v", "traceback": []string{"t"}})}, "E"},
		{"unknown and broken", []*wire.Message{message("comm_msg", object{}), message("stream", []int{1}), message("stream", "x")}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var o Outputs
			for _, m := range test.messages {
				o.take(m)
			}
			var got []string
			for _, out := range o.List {
				switch out.Type {
				case "stream":
					got = append(got, out.Name+":"+out.Text)
				case "error":
					got = append(got, out.EName)
				default:
					got = append(got, out.Data.Text("text/plain"))
				}
			}
			if s := strings.Join(got, "|"); s != test.want {
				t.Errorf("got %q, want %q", s, test.want)
			}
		})
	}
}

func TestRepliesBecomeErrors(t *testing.T) {
	for _, test := range []struct {
		name     string
		content  any
		timedOut bool
		want     string
	}{
		{"ok", object{"status": "ok"}, false, "<nil>"},
		{"ok, though its time was up", object{"status": "ok"}, true, "<nil>"},
		{"error", object{"status": "error", "ename": "Panic", "evalue": "no"}, false, "Panic: no"},
		{"time", object{"status": "error", "ename": "Interrupted"}, true, "time limit exceeded: stopped after 2s"},
		{"aborted", object{"status": "aborted"}, false, "Aborted: not run, because an earlier cell failed"},
		{"broken", []int{}, false, "malformed message"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := cellError(message("execute_reply", test.content), test.timedOut, 2*time.Second)
			if got := fmt.Sprint(err); !strings.HasPrefix(got, test.want) {
				t.Errorf("got %s, want %s", got, test.want)
			}
			var cell *CellError
			if test.want != "<nil>" && !errors.Is(err, wire.ErrMalformed) && !errors.As(err, &cell) {
				t.Errorf("a %T", err)
			}
		})
	}
}
