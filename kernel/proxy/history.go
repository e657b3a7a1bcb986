package proxy

import (
	"sync"

	"github.com/golens/golens/kernel/wire"
)

// history remembers the cells that were run.
type history struct {
	mu      sync.Mutex
	session int
	cells   []string
	last    string // the text that was added last, stored or not
}

// add stores a cell, if it is to be stored, and returns its execution count.
func (h *history) add(req gonbExecute) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = req.Code
	if req.StoreHistory {
		h.cells = append(h.cells, req.Code)
	}
	return len(h.cells)
}

// code is the text of the cell of that count.
func (h *history) code(count int) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if count == len(h.cells) {
		return h.last
	}
	if count < 1 || count > len(h.cells) {
		return ""
	}
	return h.cells[count-1]
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
