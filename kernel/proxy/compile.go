package proxy

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	// goMessage matches a message of the compiler about a cell's program.
	goMessage = regexp.MustCompile(`(?m)^\S*main(?:_test)?\.go:\d+:\d+: (.+)$`)
	// buildFailed matches gonb's wrapping of a failed go command.
	buildFailed = regexp.MustCompile(`(?m)^failed to run .*$`)
	// cellPlace is how gonb begins a message with its place.
	cellPlace = regexp.MustCompile(`^Cell(?:\[(\d+)\])?: Line (\d+)`)
	caret     = regexp.MustCompile(`^\s*\^\s*$`)
)

// compileError shortens what the compiler says to its messages, each with its
// place in the cell.
func compileError(f failure) (failure, bool) {
	messages := goMessage.FindAllStringSubmatch(ansi.ReplaceAllString(f.Value, ""), -1)
	if len(messages) == 0 && !strings.Contains(f.Value, "no required module provides package") {
		return failure{}, false
	}
	var lines []string
	for _, part := range f.Traceback {
		plain := strings.TrimSpace(ansi.ReplaceAllString(part, ""))
		if plain == "" || strings.HasPrefix(plain, "# gonb_") || buildFailed.MatchString(plain) {
			continue
		}
		lines = append(lines, compact(plain))
	}
	value := strings.TrimSpace(buildFailed.ReplaceAllString(ansi.ReplaceAllString(f.Value, ""), ""))
	if len(messages) > 0 {
		value = messages[0][1]
		if n := len(messages) - 1; n > 0 {
			value += fmt.Sprintf(" (and %d more)", n)
		}
	}
	return failure{Name: "CompileError", Value: value, Traceback: lines}, true
}

// compact turns gonb's view of a message, with the program around its place,
// into the place, the message and the one line of code.
func compact(part string) string {
	at := cellPlace.FindStringSubmatch(part)
	if at == nil {
		return part
	}
	lines := strings.Split(part, "\n")
	text := red(inCell(at)) + ": " + lines[len(lines)-1]
	for i := 2; i < len(lines); i++ {
		if caret.MatchString(lines[i]) {
			return text + "\n    " + lines[i-1] + "\n    " + lines[i]
		}
	}
	return text
}
