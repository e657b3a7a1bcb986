package proxy

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// failure is the content of an error message.
type failure struct {
	Name      string   `json:"ename"`
	Value     string   `json:"evalue"`
	Traceback []string `json:"traceback"`

	stack bool // the end of stderr is in it
}

// outcome is all that is known about how a cell ended.
type outcome struct {
	gonb        *failure // what gonb says
	must        string   // what nb.Must said
	shell       string   // exit status of a ! line
	stderr      tail     // the end of what the cell wrote to stderr
	interrupted bool
	took        time.Duration
}

// tail keeps the last part of a text, and where a Go program that panics began to say
// so: it names all of its goroutines after that.
type tail struct{ text string }

// tailSize holds a panic's message and its first frames, with room for the
// frames of a few goroutines before the part that matters.
const tailSize = 64 << 10

func (t *tail) add(s string) {
	t.text += s
	if len(t.text) <= 2*tailSize {
		return
	}
	rest := len(t.text) - tailSize
	var head string
	if all := panicLine.FindAllStringIndex(t.text[:rest], -1); len(all) > 0 {
		from := all[len(all)-1][0]
		head = t.text[from:min(from+tailSize/2, rest)] + "\n\n"
	}
	t.text = head + t.text[rest:]
}

// explain says how a cell failed, if it did, in words that help.
func explain(o outcome) (failure, bool) {
	switch {
	case o.interrupted: // also if gonb takes what is left of it for success
		return say("Interrupted", interruptedAfter(o.took)), true
	case o.gonb == nil && o.shell == "":
		return failure{}, false
	case o.shell != "":
		return say("ShellError", "a ! line of this cell ended with exit status "+o.shell), true
	case o.must != "":
		return say("Error", o.must), true
	}
	// 2 is the exit status of a Go program that panics.
	if f, ok := panicked(o.stderr.text); ok && strings.Contains(o.gonb.Value, "exit status 2") {
		return f, true
	}
	if m := exitStatus.FindString(o.gonb.Value); m != "" {
		return say("ExitError", "the cell's program ended with "+m), true
	}
	f := *o.gonb
	if len(f.Traceback) == 0 {
		f.Traceback = []string{f.Value}
	}
	return f, true
}

func interruptedAfter(d time.Duration) string {
	return fmt.Sprintf("the cell was interrupted after %.1f s", d.Seconds())
}

// valueLimit is how much of what an error says is shown, in bytes.
const valueLimit = 8 << 10

func say(name, value string) failure {
	if n := len(value); n > valueLimit {
		value = fmt.Sprintf("%s… (%d KB)", strings.ToValidUTF8(value[:valueLimit], ""), n>>10)
	}
	return failure{Name: name, Value: value, Traceback: []string{red(name) + ": " + value}}
}

func red(s string) string { return "\x1b[31m" + s + "\x1b[0m" }

var (
	exitStatus = regexp.MustCompile(`(exit status \d+|signal: [a-z ]+)$`)
	ansi       = regexp.MustCompile("\x1b\\[[0-9;]*m")
)
