package proxy

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/golens/golens/kernel/cell"
)

var (
	panicLine = regexp.MustCompile(`(?m)^(panic|fatal error): (.*)$`)
	// callArgs are a frame's arguments, as hexadecimal words, and its offset.
	callArgs = regexp.MustCompile(`\([^()]*\)$| \+0x[0-9a-f]+$`)
)

// maxFrames is how many frames of a stack an error shows: enough to lead from a
// library's innards to the cell.
const maxFrames = 16

// panicked reads a panic's message and its frames from what a cell has written.
func panicked(stderr string) (failure, bool) {
	all := panicLine.FindAllStringSubmatchIndex(stderr, -1)
	if len(all) == 0 {
		return failure{}, false
	}
	m := all[len(all)-1]
	kind, value := stderr[m[2]:m[3]], strings.TrimSuffix(stderr[m[4]:m[5]], " [recovered]")
	stack := stderr[m[1]:]
	if c, line, _, ok := cell.Position(stack); ok {
		value += " (" + inCell(c, line) + ")"
	}
	f := say(strings.ToUpper(kind[:1])+kind[1:], value)
	f.stack = true
	f.Traceback = append(f.Traceback, frames(stack)...)
	return f, true
}

func inCell(count, line int) string { return fmt.Sprintf("cell %d, line %d", count, line) }

// frames shortens the stack of the goroutine that panicked to a line a frame.
func frames(stack string) []string {
	_, stack, ok := strings.Cut(stack, " [running")
	if !ok {
		return nil
	}
	_, stack, _ = strings.Cut(stack, "\n")
	stack, _, _ = strings.Cut(stack, "\n\n") // further goroutines
	lines := strings.Split(strings.TrimSpace(stack), "\n")
	var out []string
	for i := 0; i+1 < len(lines); i += 2 {
		name := callArgs.ReplaceAllString(strings.TrimPrefix(lines[i], "main."), "")
		place := strings.TrimSpace(ansi.ReplaceAllString(lines[i+1], ""))
		if c, line, _, ok := cell.Position(place); ok {
			place = inCell(c, line)
			name = strings.ReplaceAll(name, "ʹ", "")
		} else if strings.HasPrefix(name, "panic") || strings.HasPrefix(name, "runtime.") || strings.HasPrefix(place, cell.OwnFile) {
			continue
		}
		if len(out) == maxFrames {
			return append(out, "  …")
		}
		out = append(out, fmt.Sprintf("  in %s: %s", name, callArgs.ReplaceAllString(place, "")))
	}
	return out
}
