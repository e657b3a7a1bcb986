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
// "discover.ACDC.Find" or "model.Sweep": every analysis has a name, and none needs
// to give itself one.
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
		name := m[1] + "."
		if m[2] != "" && !strings.EqualFold(m[2], m[1]) {
			name += m[2] + "."
		}
		return name + strings.TrimSuffix(m[3], "Context")
	}
	return "model"
}

// report is what tells of progress and does no work.
const report = "github.com/golens/golens/model.Report"
