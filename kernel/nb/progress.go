package nb

import (
	"fmt"
	"html"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/janpfeifer/gonb/gonbui"
)

// Bar is one progress bar, drawn in place. Its methods may be called from any
// goroutine; the zero Bar draws nothing.
type Bar struct {
	mu          sync.Mutex
	label       string
	unit        unit
	total, done int
	note        string // what the work says of itself, such as its loss
	before      int    // done when the bar began: of an earlier download, say
	start, last time.Time
	id          string
	drawn       bool
	ended       bool
	out         func(b *Bar, final bool)
}

const (
	// patience is how long work goes on before a bar appears: what is done
	// sooner needs no bar.
	patience = 400 * time.Millisecond
	// pace bounds redrawing: five times a second looks alive and costs nothing.
	pace = 200 * time.Millisecond
)

// current is the bar on the terminal, which an error must not be printed into.
var current struct {
	sync.Mutex
	bar *Bar
}

// unit is what a bar counts.
type unit string

const (
	steps     unit = ""
	megabytes unit = " MB" // of what is counted in bytes
)

// write is a number of the unit.
func (u unit) write(n int) string {
	if u == megabytes {
		return fmt.Sprintf("%.1f", float64(n)/1e6)
	}
	return fmt.Sprint(n)
}

// rate is a speed in the unit.
func (u unit) rate(perSecond float64) string {
	if u == megabytes {
		perSecond /= 1e6
	}
	return number(perSecond) + string(u) + "/s"
}

// Progress returns a bar for work of total steps, named label. A bar appears
// once the work has taken a moment. Call Set or Add as the work goes on and End
// when it is over.
func Progress(label string, total int) *Bar {
	b := &Bar{label: label, total: total, start: time.Now()}
	switch {
	case gonbui.IsNotebook:
		b.out = drawNotebook
	case isTerminal(os.Stderr):
		b.out = drawTerminal
	}
	return b
}

// Set says that done steps are done.
func (b *Bar) Set(done int) { b.update(func() { b.done = done }) }

// Add says that n more steps are done.
func (b *Bar) Add(n int) { b.update(func() { b.done += n }) }

// SetTotal changes the number of steps, for work whose size shows as it goes.
func (b *Bar) SetTotal(total int) { b.update(func() { b.total = total }) }

// Note says how the work is going, such as its loss.
func (b *Bar) Note(note string) { b.update(func() { b.note = note }) }

// End draws the bar's last state. Later calls do nothing.
func (b *Bar) End() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended || b.out == nil {
		return
	}
	b.ended = true
	if b.drawn {
		b.out(b, true)
		b.drawn = false
	}
}

func (b *Bar) update(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
	now := time.Now()
	if b.out == nil || b.ended || now.Sub(b.start) < patience || now.Sub(b.last) < pace {
		return
	}
	b.last = now
	b.drawn = true
	b.out(b, false)
}

// fraction is the part done, between 0 and 1.
func (b *Bar) fraction() float64 {
	if b.total <= 0 {
		return 0
	}
	return min(1, max(0, float64(b.done)/float64(b.total)))
}

// words says how far the work is: steps, rate, time left or taken.
func (b *Bar) words(final bool, now time.Time) string {
	took := now.Sub(b.start)
	rate := float64(b.done-b.before) / max(took.Seconds(), 1e-3) // 1 ms: the clock's worth
	s := b.unit.write(b.done)
	if b.total > 0 {
		s += "/" + b.unit.write(b.total)
	}
	s += string(b.unit) + ", " + b.unit.rate(rate)
	switch {
	case final:
		s += ", " + clock(took)
	case b.total > 0 && rate > 0:
		left := time.Duration(float64(b.total-b.done) / rate * float64(time.Second))
		s += ", " + clock(max(0, left)) + " left"
	}
	if b.note != "" {
		s += ", " + b.note
	}
	return s
}

// number writes a rate with the digits that matter.
func number(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// clock writes a duration as people say it.
func clock(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d:%02d min", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d:%02d h", int(d.Hours()), int(d.Minutes())%60)
}

// cells is the width of a bar in text.
const cells = 24

func (b *Bar) text(final bool) string {
	full := int(b.fraction()*cells + 0.5)
	label := b.label
	if label != "" {
		label += " "
	}
	return fmt.Sprintf("%s[%s%s] %s", label, strings.Repeat("#", full), strings.Repeat(".", cells-full), b.words(final, time.Now()))
}

// MetadataProgress is set in the metadata of a bar's display. A report leaves
// such displays out.
const MetadataProgress = "golens_progress"

// drawNotebook draws by replacing one display.
func drawNotebook(b *Bar, final bool) {
	if b.id == "" {
		b.id = "golens-progress-" + gonbui.UniqueId()
	}
	const track = `<div style="display:inline-block;vertical-align:middle;width:16em;height:.55em;border-radius:.3em;background:#e3e6ea;margin:0 .6em;overflow:hidden">` +
		`<div style="width:%.1f%%;height:100%%;background:#3b6ea5"></div></div>`
	markup := fmt.Sprintf(`<div style="font-size:90%%"><span>%s</span>`+track+`<span>%s</span></div>`,
		html.EscapeString(b.label), 100*b.fraction(), html.EscapeString(b.words(final, time.Now())))
	send(map[string][]byte{"text/html": []byte(markup), "text/plain": []byte(b.text(final))},
		map[string]any{MetadataProgress: true}, b.id)
}

// drawTerminal draws over the line that it drew before.
func drawTerminal(b *Bar, final bool) {
	current.Lock()
	defer current.Unlock()
	current.bar = b
	// \x1b[K clears what a longer line has left.
	fmt.Fprintf(os.Stderr, "\r%s\x1b[K", b.text(final))
	if final {
		fmt.Fprintln(os.Stderr)
		current.bar = nil
	}
}

// clearBar ends the line of a bar that is being drawn.
func clearBar() {
	current.Lock()
	defer current.Unlock()
	if current.bar != nil {
		fmt.Fprintln(os.Stderr)
		current.bar = nil
	}
}

// isTerminal tells whether f is a terminal.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb" && f.Name() != os.DevNull
}
