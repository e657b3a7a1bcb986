package exec

import (
	"reflect"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
)

// Fewer is fewer.
func (e *Engine) Fewer(batch, live, steps int) int { return e.fewer(batch, live, steps) }

// LeaveSoon makes XLA take rows out of a batch even where it does not pay, in a test.
func LeaveSoon(t *testing.T) {
	before := compileWork
	compileWork = 0
	t.Cleanup(func() { compileWork = before })
}

// HostMultiplies sets whether the host makes products of scores, in a test.
func HostMultiplies(t *testing.T, is bool) {
	before := vectors
	vectors = is
	t.Cleanup(func() { vectors = before })
}

// AtCall does something after each call of a graph, in a test.
func AtCall(do func(name string, p *Exec)) { atCall = do }

// A Size is the bytes that XLA says a compiled graph takes.
type Size struct{ In, Out, Temp int }

// SizeOf is that of a program's last graph, which the libraries keep to themselves.
func SizeOf(p *Exec) Size {
	graphs := reflect.ValueOf(p).Elem().FieldByName("cache")
	graph := graphs.Index(graphs.Len() - 1).Elem().FieldByName("graph").Elem()
	compiled := graph.FieldByName("executable").Elem().Elem().FieldByName("exec").Elem()
	of := func(name string) int {
		return int(compiled.FieldByName("OnDeviceMemoryUsageStats").FieldByName(name).Int())
	}
	return Size{of("Inputs"), of("Outputs"), of("Temporary")}
}
