package nb

import (
	"regexp"
	"runtime"
	"strings"
)

// exported matches what a cell may call: an exported function or method of the
// library, by the name that the runtime gives it.
var exported = regexp.MustCompile(`^github\.com/golens/golens/(?:interp/|model/)?(\w+)\.(?:\(?\*?([A-Z]\w*)\)?\.)?([A-Z]\w*)(?:\[\.\.\.\])?$`)

// work names what the cell has called that is under way, such as
// "discover.Search.ACDC" or "model.Sweep": every analysis has a name, and none needs
// to give itself one. What reports from a goroutine of its own has the name of what
// that goroutine runs, as a tally over a corpus that a cluster computes has.
func work() string {
	pcs := make([]uintptr, 64)
	var stack []string
	for frames, more := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)]), true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		stack = append(stack, f.Function)
	}
	return called(stack)
}

// called is work for the names of a stack, the innermost first.
func called(stack []string) string {
	for i := len(stack) - 1; i >= 0; i-- {
		m := exported.FindStringSubmatch(stack[i])
		if m == nil || m[0] == report {
			continue
		}
		name, method := m[1]+".", strings.TrimSuffix(m[3], "Context")
		if m[2] != "" && m[2] != method && !strings.EqualFold(m[2], m[1]) { // model.Model.Sweep, lens.Tune.Tune
			name += m[2] + "."
		}
		return name + method
	}
	return "model"
}

// report is what tells of progress and does no work.
const report = "github.com/golens/golens/model.Report"
