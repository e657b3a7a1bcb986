package proxy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/golens/golens/kernel/wire"
)

// ask makes a request with the given content.
func ask(content any) *wire.Message { return wire.New("x_request", "s", nil, content) }

func TestIsComplete(t *testing.T) {
	for _, test := range []struct{ code, want, indent string }{
		{"", "complete", ""},
		{"x := 1", "complete", ""},
		{"func f() {\n}", "complete", ""},
		{"func f() {\n\tg(", "incomplete", "\t\t"},
		{"x := []int{", "incomplete", "\t"},
		{"s := `open", "incomplete", ""},
		{"/* open", "incomplete", ""},
		{"f())", "invalid", ""},
		{"%%\nif x {", "incomplete", "\t"},
		{"%env A=({", "complete", ""},
		{"!ls (", "complete", ""},
		{`s := "a { b"`, "complete", ""},
		{"// {", "complete", ""},
		{"x := 1 +", "incomplete", ""},
		{"x := )", "invalid", ""},
		{"x = = 1", "invalid", ""},
		{"func f() int { return }}", "invalid", ""},
		{"a, b", "complete", ""},
		{"%%\r\nx := 1\r\n", "complete", ""},
	} {
		t.Run(test.code, func(t *testing.T) {
			got := isComplete(ask(map[string]any{"code": test.code})).(map[string]any)
			indent, _ := got["indent"].(string)
			if got["status"] != test.want || indent != test.indent {
				t.Errorf("got %v, want %s %q", got, test.want, test.indent)
			}
		})
	}
	if got := isComplete(ask([]int{1})).(map[string]any); got["status"] != "unknown" {
		t.Errorf("a request without code: %v", got)
	}
}

func TestHistory(t *testing.T) {
	h := history{session: 1}
	for _, code := range []string{"a", "b", "a", "c"} {
		if n := h.add(gonbExecute{Code: code, StoreHistory: true}); n == 0 {
			t.Fatal("no count")
		}
	}
	if n := h.add(gonbExecute{Code: "silent"}); n != 4 {
		t.Errorf("a cell that is not stored has count %d", n)
	}
	for _, test := range []struct {
		name    string
		request map[string]any
		want    string
	}{
		{"tail", map[string]any{"hist_access_type": "tail", "n": 2}, "3a 4c"},
		{"tail of more than there is", map[string]any{"hist_access_type": "tail", "n": 99}, "1a 2b 3a 4c"},
		{"unique", map[string]any{"hist_access_type": "tail", "unique": true}, "2b 3a 4c"},
		{"range", map[string]any{"hist_access_type": "range", "start": 2, "stop": 4}, "2b 3a"},
		{"open range", map[string]any{"hist_access_type": "range", "start": 3}, "3a 4c"},
		{"range of another session", map[string]any{"hist_access_type": "range", "session": 9, "start": 1}, ""},
		{"search", map[string]any{"hist_access_type": "search", "pattern": "[a]*"}, ""},
		{"search by star", map[string]any{"hist_access_type": "search", "pattern": "*"}, "1a 2b 3a 4c"},
		{"search by mark", map[string]any{"hist_access_type": "search", "pattern": "?", "n": 1}, "4c"},
		{"no content", nil, "1a 2b 3a 4c"},
	} {
		t.Run(test.name, func(t *testing.T) {
			raw, err := json.Marshal(h.answer(ask(test.request)))
			if err != nil {
				t.Fatal(err)
			}
			var answer struct{ History [][]any }
			if err := json.Unmarshal(raw, &answer); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, item := range answer.History {
				got = append(got, fmt.Sprint(item[1], item[2]))
			}
			if joined := strings.ReplaceAll(strings.Join(got, "|"), " ", ""); joined != strings.ReplaceAll(test.want, " ", "|") {
				t.Errorf("got %s, want %s", joined, test.want)
			}
		})
	}
}

func TestGlob(t *testing.T) {
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "x", true}, {"*", "", true}, {"a*c", "abbc", true}, {"a*c", "ab", false}, {"*b*", "a\nb\nc", true},
		{"a?c", "aéc", true}, {"a?", "a", false}, {"**a**", "a", true}, {"a", "ab", false}, {"*a*a*a*b", strings.Repeat("a", 50), false},
	} {
		if got := glob(test.pattern, test.text); got != test.want {
			t.Errorf("%q on %q: %v", test.pattern, test.text, got)
		}
	}
}

func TestCompleteCommand(t *testing.T) {
	for _, test := range []struct {
		code string
		pos  int
		want string // matches and start, "" if it is not a command
	}{
		{"%he", 3, "[%help] 0"},
		{"x\n%%ba", 6, "[%%bash] 2"},
		{"é\n%wit", 6, "[%with_inputs %with_password] 2"},
		{"%nothing", 8, "[] 0"},
		{"%cd /tmp", 8, ""},
		{"a % b", 3, ""},
		{"fmt", 3, ""},
		{"", 0, ""},
		{"%", 9, ""},
		{"%", -1, ""},
	} {
		t.Run(test.code, func(t *testing.T) {
			reply, ok := completeCommand(ask(map[string]any{"code": test.code, "cursor_pos": test.pos}))
			got := ""
			if ok {
				got = fmt.Sprint(reply["matches"], reply["cursor_start"])
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestComms(t *testing.T) {
	var c comms
	c.note(wire.New("comm_open", "s", nil, map[string]string{"comm_id": "1", "target_name": "a"}))
	c.note(wire.New("comm_open", "s", nil, map[string]string{"comm_id": "2", "target_name": "b"}))
	c.note(wire.New("comm_close", "s", nil, map[string]string{"comm_id": "1"}))
	for target, want := range map[string]int{"": 1, "a": 0, "b": 1} {
		got := c.answer(ask(map[string]string{"target_name": target})).(map[string]any)["comms"].(map[string]any)
		if len(got) != want {
			t.Errorf("target %q: %v", target, got)
		}
	}
}

func TestQueueAbortsOnlyWaitingCells(t *testing.T) {
	q := newQueue()
	for _, kind := range []string{"execute_request", "complete_request", "execute_request"} {
		q.push(wire.New(kind, "s", nil, struct{}{}))
	}
	first, _ := q.pop()
	q.abort()
	q.push(wire.New("execute_request", "s", nil, struct{}{}))
	var got []bool
	for range 3 {
		item, _ := q.pop()
		got = append(got, item.aborted)
	}
	if first.aborted || fmt.Sprint(got) != "[false true false]" {
		t.Errorf("aborted: %v, then %v", first.aborted, got)
	}
	q.close()
	if _, ok := q.pop(); ok {
		t.Error("a closed queue gives requests")
	}
}
