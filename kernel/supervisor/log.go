package supervisor

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
)

// logger writes lines to the server's log.
type logger struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *logger) printf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.w, "golens: %s\n", strings.TrimRight(fmt.Sprintf(format, args...), "\n"))
}

// childLog takes a child's stderr: it keeps the last lines, for errors, and
// passes on those that pick accepts.
type childLog struct {
	name string
	to   *logger
	pick func(line string) bool
	drop func(line string) bool // lines that are worth nothing to anybody; nil: none

	mu   sync.Mutex
	part []byte
	last []string
}

// keepLines is how many lines an error shows of a child that ended: a Go panic's
// message and its first frames.
const keepLines = 20

// maxLine bounds what a child that never ends its line can make us keep.
const maxLine = 8 << 10

// Write implements io.Writer.
func (c *childLog) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.part = append(c.part, p...)
	for {
		i := bytes.IndexByte(c.part, '\n')
		if i < 0 && len(c.part) < maxLine {
			return len(p), nil
		}
		if i < 0 {
			i = maxLine - 1
		}
		line := strings.TrimRight(string(c.part[:i]), "\r")
		c.part = c.part[i+1:]
		if c.drop != nil && c.drop(line) {
			continue
		}
		if c.last = append(c.last, line); len(c.last) > keepLines {
			c.last = c.last[1:]
		}
		if c.pick(line) {
			c.to.printf("%s: %s", c.name, line)
		}
	}
}

// tail returns the last lines, each after a line break, or "".
func (c *childLog) tail() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.last) == 0 {
		return ""
	}
	return "\n" + strings.Join(c.last, "\n")
}
