package session

import (
	"io"
	"strings"
	"sync"
)

// keep is how much of the kernel's log an error shows: a screen's worth.
const keep = 2 << 10

// tail keeps the end of a kernel's log and passes all of it on.
type tail struct {
	to   io.Writer
	mu   sync.Mutex
	text string
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text += string(p)
	if len(t.text) > keep {
		t.text = t.text[len(t.text)-keep:]
	}
	if t.to != nil {
		_, _ = t.to.Write(p)
	}
	return len(p), nil
}

// lines returns the kept text on lines of its own, or "".
func (t *tail) lines() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.TrimSpace(t.text)
	if text == "" {
		return ""
	}
	return ":\n" + text
}
