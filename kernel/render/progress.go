package render

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/golens/golens/kernel/notebook"
)

// progress tells a terminal which cell runs.
type progress struct {
	mu      sync.Mutex
	w       io.Writer
	live    bool // w is a terminal: lines can be drawn again
	total   int
	line    string
	start   time.Time
	running bool
	stop    chan struct{}
}

func newProgress(w io.Writer, nb *notebook.Notebook) *progress {
	p := &progress{w: w}
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		p.live = err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	}
	for _, c := range nb.Cells {
		if runs(c) {
			p.total++
		}
	}
	return p
}

// lineWidth is how much of a cell's first line is shown: with the rest of the
// progress it fits a terminal of 80 columns.
const lineWidth = 52

// firstLine names a cell: its first line that is neither empty nor a command
// nor part of an import, else its very first.
func firstLine(source string) string {
	name, importing := "", false
	for line := range strings.Lines(source) {
		line = strings.TrimSpace(line)
		if name == "" {
			name = line
		}
		switch {
		case importing:
			importing = line != ")"
			continue
		case line == "import (":
			importing = true
			continue
		case line == "", strings.HasPrefix(line, "%"), strings.HasPrefix(line, "import "), strings.HasPrefix(line, "//"):
			continue
		}
		name = line
		break
	}
	name = strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		} else if !unicode.IsPrint(r) { // a terminal would obey it
			return unicode.ReplacementChar
		}
		return r
	}, name)
	if r := []rune(name); len(r) > lineWidth {
		name = string(r[:lineWidth-1]) + "…"
	}
	return name
}

func (p *progress) begin(number int, source string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line = fmt.Sprintf("[%*d/%d] %s", len(fmt.Sprint(p.total)), number, p.total, firstLine(source))
	p.start = time.Now()
	p.running = true
	if !p.live {
		return
	}
	p.stop = make(chan struct{})
	p.draw("")
	go p.tick(p.stop)
}

// tick draws the seconds while a cell runs.
func (p *progress) tick(stop <-chan struct{}) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
			p.mu.Lock()
			if p.running {
				p.draw("")
			}
			p.mu.Unlock()
		}
	}
}

// draw writes the line of the running cell over the last one.
func (p *progress) draw(end string) {
	pad := max(1, lineWidth+12-len([]rune(p.line)))
	text := fmt.Sprintf("%s%s%5.1f s", p.line, strings.Repeat(" ", pad), time.Since(p.start).Seconds())
	if p.live {
		text = "\r" + text + "\x1b[K"
	}
	fmt.Fprint(p.w, text, end)
}

func (p *progress) end(ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = false
	if p.stop != nil {
		close(p.stop)
		p.stop = nil
	}
	if ok {
		p.draw("\n")
	} else {
		p.draw("  failed\n")
	}
}

// log returns a writer for the kernel's log whose lines do not break into the
// line of the running cell.
func (p *progress) log(to io.Writer) io.Writer {
	if to == nil {
		return nil
	}
	return &interleaved{p: p, to: to}
}

type interleaved struct {
	p  *progress
	to io.Writer
}

// Write implements io.Writer.
func (i *interleaved) Write(data []byte) (int, error) {
	i.p.mu.Lock()
	defer i.p.mu.Unlock()
	if i.p.live && i.p.running {
		fmt.Fprint(i.p.w, "\r\x1b[K")
	}
	n, err := i.to.Write(data)
	if i.p.live && i.p.running {
		i.p.draw("")
	}
	return n, err
}
