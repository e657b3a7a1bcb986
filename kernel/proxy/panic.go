package proxy

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

var (
	panicLine = regexp.MustCompile(`(?m)^(panic|fatal error): (.*)$`)
	// cellLine is gonb's mark on a stack frame that lies in a cell.
	cellLine = regexp.MustCompile(`\[\[ Cell(?: \[(\d+)\])? Line (\d+) \]\]`)
	// callArgs are a frame's arguments, as hexadecimal words, and its offset.
	callArgs = regexp.MustCompile(`\([^()]*\)$| \+0x[0-9a-f]+$`)
)

// mainLine is a stack frame in a cell that gonb has not marked: it misses those
// whose line comes in pieces.
var mainLine = regexp.MustCompile(`(?m)^\t(/\S+/main\.go):(\d+)`)

// mark marks such frames as gonb does, where the program's line stands in the
// cell's code, once.
func mark(stderr, code string, count int) string {
	return mainLine.ReplaceAllStringFunc(stderr, func(frame string) string {
		m := mainLine.FindStringSubmatch(frame)
		n, err := strconv.Atoi(m[2])
		if err != nil {
			return frame
		}
		if at := lineIn(code, m[1], n); at > 0 {
			return fmt.Sprintf("\t[[ Cell [%d] Line %d ]] %s:%d", count, at, m[1], n)
		}
		return frame
	})
}

// lineIn is the line of code, from 1, that reads as the n-th line of a file;
// 0 if there is none, or more than one.
func lineIn(code, file string, n int) (at int) {
	program, err := os.ReadFile(file)
	lines := strings.Split(string(program), "\n")
	if err != nil || n < 1 || n > len(lines) {
		return 0
	}
	want := strings.TrimSpace(lines[n-1])
	for i, line := range strings.Split(code, "\n") {
		if strings.TrimSpace(line) == want && want != "" {
			if at > 0 {
				return 0
			}
			at = i + 1
		}
	}
	return at
}

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
	if at := cellLine.FindStringSubmatch(stack); at != nil {
		value += " (" + inCell(at) + ")"
	}
	f := say(strings.ToUpper(kind[:1])+kind[1:], value)
	f.stack = true
	f.Traceback = append(f.Traceback, frames(stack)...)
	return f, true
}

func inCell(m []string) string {
	if m[1] == "" {
		return "line " + m[2]
	}
	return "cell " + m[1] + ", line " + m[2]
}

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
		if at := cellLine.FindStringSubmatch(place); at != nil {
			place = inCell(at)
		} else if strings.HasPrefix(name, "panic") || strings.HasPrefix(name, "runtime.") {
			continue
		}
		if len(out) == maxFrames {
			return append(out, "  …")
		}
		out = append(out, fmt.Sprintf("  in %s: %s", name, callArgs.ReplaceAllString(place, "")))
	}
	return out
}
