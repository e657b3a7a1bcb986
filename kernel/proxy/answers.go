package proxy

import (
	"encoding/json"
	"go/scanner"
	"go/token"
	"strings"
	"sync"

	"github.com/golens/golens/kernel/wire"
)

// kernelInfo is the content of a kernel_info_reply.
func (p *Proxy) kernelInfo() any {
	return map[string]any{
		"status":                 "ok",
		"protocol_version":       wire.ProtocolVersion,
		"implementation":         "golens",
		"implementation_version": Version,
		"banner":                 "golens: Go cells on trained transformers",
		"debugger":               false,
		"supported_features":     []string{},
		"language_info": map[string]any{
			"name":               "go",
			"version":            p.hooks.GoVersion(),
			"mimetype":           "text/x-go",
			"file_extension":     ".go",
			"pygments_lexer":     "go",
			"codemirror_mode":    "go",
			"nbconvert_exporter": "script",
		},
		"help_links": []map[string]string{
			{"text": "Go", "url": "https://go.dev/doc"},
			{"text": "GoNB", "url": "https://github.com/janpfeifer/gonb"},
		},
	}
}

// Version is the version of the kernel that kernel_info reports.
const Version = "0.1.0"

// isComplete tells a console whether a cell can be run as it stands: not while
// a bracket, a string or a comment is open.
func isComplete(m *wire.Message) any {
	var req struct {
		Code string `json:"code"`
	}
	if m.Decode(&req) != nil {
		return map[string]any{"status": "unknown"}
	}
	depth, open := 0, false
	var s scanner.Scanner
	src := []byte(goLines(req.Code))
	fset := token.NewFileSet()
	s.Init(fset.AddFile("", fset.Base(), len(src)), src, func(_ token.Position, msg string) {
		open = open || strings.Contains(msg, "not terminated")
	}, 0)
	for {
		_, tok, _ := s.Scan()
		switch tok {
		case token.LPAREN, token.LBRACK, token.LBRACE:
			depth++
		case token.RPAREN, token.RBRACK, token.RBRACE:
			depth--
		case token.EOF:
			switch {
			case depth < 0:
				return map[string]any{"status": "invalid"}
			case open || depth > 0:
				return map[string]any{"status": "incomplete", "indent": strings.Repeat("\t", max(depth, 0))}
			}
			return map[string]any{"status": "complete"}
		}
	}
}

// goLines blanks the lines that are commands to gonb, not Go.
func goLines(code string) string {
	lines := strings.Split(code, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "%") || strings.HasPrefix(l, "!") {
			lines[i] = ""
		}
	}
	return strings.Join(lines, "\n")
}

// history remembers the cells that were run.
type history struct {
	mu      sync.Mutex
	session int
	cells   []string
}

// add stores a cell, if it is to be stored, and returns its execution count.
func (h *history) add(req gonbExecute) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if req.StoreHistory {
		h.cells = append(h.cells, req.Code)
	}
	return len(h.cells)
}

// answer returns the content of a history_reply.
func (h *history) answer(m *wire.Message) any {
	var req struct {
		Access  string `json:"hist_access_type"`
		Output  bool   `json:"output"`
		Session int    `json:"session"`
		Start   int    `json:"start"`
		Stop    *int   `json:"stop"`
		N       int    `json:"n"`
		Pattern string `json:"pattern"`
		Unique  bool   `json:"unique"`
	}
	_ = m.Decode(&req)
	h.mu.Lock()
	defer h.mu.Unlock()
	var picked []int // indices into cells
	switch req.Access {
	case "range":
		stop := len(h.cells) + 1
		if req.Stop != nil && *req.Stop > 0 {
			stop = min(stop, *req.Stop)
		}
		if req.Session == 0 || req.Session == h.session {
			for i := max(req.Start, 1); i < stop; i++ {
				picked = append(picked, i-1)
			}
		}
	default: // tail and search
		last := make(map[string]int)
		for i, c := range h.cells {
			last[c] = i
		}
		for i, c := range h.cells {
			if (req.Access == "search" && !glob(req.Pattern, c)) || (req.Unique && last[c] != i) {
				continue
			}
			picked = append(picked, i)
		}
		if req.N > 0 && len(picked) > req.N {
			picked = picked[len(picked)-req.N:]
		}
	}
	items := []any{}
	for _, i := range picked {
		var input any = h.cells[i]
		if req.Output {
			input = []any{h.cells[i], nil} // outputs are the notebook's, not kept here
		}
		items = append(items, []any{h.session, i + 1, input})
	}
	return map[string]any{"status": "ok", "history": items}
}

// glob matches text against a pattern of * and ?, as in a shell but across
// lines. "" matches all.
func glob(pattern, text string) bool {
	if pattern == "" {
		return true
	}
	p, t := []rune(pattern), []rune(text)
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == t[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// comms remembers the open channels of widgets.
type comms struct {
	mu   sync.Mutex
	open map[string]string // comm_id -> target_name
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
