package proxy

import (
	"strings"

	"github.com/golens/golens/kernel/wire"
)

// commands are gonb's own, which gopls cannot complete.
var commands = []string{
	"%%", "%%bash", "%%script", "%%sh", "%%writefile", "%args", "%autoget", "%capture", "%cd", "%env", "%exec",
	"%goflags", "%help", "%list", "%ls", "%main", "%noautoget", "%remove", "%reset", "%rm", "%test", "%time", "%timeit", "%track",
	"%untrack", "%version", "%wasm", "%who", "%whos", "%widgets", "%widgets_hb",
	"%with_inputs", "%with_password", "%goworkfix",
}

// completeCommand completes a command of gonb's. ok is false where the cursor
// does not stand behind the beginning of one.
func completeCommand(m *wire.Message) (reply map[string]any, ok bool) {
	var req struct {
		Code string `json:"code"`
		Pos  int    `json:"cursor_pos"` // in characters
	}
	text := []rune(nil)
	if m.Decode(&req) == nil {
		text = []rune(req.Code)
	}
	if req.Pos < 1 || req.Pos > len(text) {
		return nil, false
	}
	before := string(text[:req.Pos])
	word := before[strings.LastIndexByte(before, '\n')+1:]
	if !strings.HasPrefix(word, "%") || strings.ContainsAny(word, " \t") {
		return nil, false
	}
	matches := []string{}
	for _, c := range commands {
		if strings.HasPrefix(c, word) {
			matches = append(matches, c)
		}
	}
	return map[string]any{"status": "ok", "matches": matches, "metadata": map[string]any{},
		"cursor_start": req.Pos - len([]rune(word)), "cursor_end": req.Pos}, true
}
