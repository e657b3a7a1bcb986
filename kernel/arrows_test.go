package kernel_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/golens/golens/"

// arrows lists what a package must not depend on, directly or by others, and
// why. The test builds what cells build with their tag.
var arrows = []struct {
	from string
	cell bool // as cells build it: -tags golens_cell, without cgo
	not  []string
	why  string
}{
	{"model/hook", false, []string{module}, "everything stands on it"},
	{"model/array", false, []string{module}, "everything stands on it"},
	{"model/weights", false, []string{module}, "it reads files and knows no model"},
	{"model/tokenizer", false, []string{module}, "it reads files and knows no model"},
	{"model/zoo", false, []string{module, "github.com/gomlx"}, "it only finds files"},
	{"model", false, []string{module + "interp", module + "plotting", module + "kernel"}, "arrows run down to it"},
	{"interp/...", false, []string{module + "plotting", module + "kernel"}, "an analysis does not draw"},
	{"plotting", false, []string{module}, "it draws whatever has labelled axes"},
	{"kernel/nb", false, []string{module + "plotting", module + "interp"}, "every cell links it"},
	{"kernel/cmd/golens", false, []string{"github.com/gomlx", module + "interp", module + "plotting"}, "the front program starts fast and needs no cgo"},
	{"kernel/render", false, []string{module + "plotting", module + "interp"}, "it shows what cells made"},
	{"model", true, []string{"runtime/cgo", "github.com/gomlx", "github.com/nlpodyssey"}, "a cell asks the model host"},
	{"interp/...", true, []string{"runtime/cgo", "github.com/gomlx", "github.com/nlpodyssey"}, "a cell asks the model host"},
	{"kernel/nb", true, []string{"runtime/cgo", "github.com/gomlx", module + "model/internal/exec"}, "every cell links it"},
	{"plotting", true, []string{"runtime/cgo"}, "cells are built without cgo"},
}

// The dependencies run down the list in architecture's order and never back.
func TestArrows(t *testing.T) {
	for _, a := range arrows {
		name := a.from
		args := []string{"list", "-deps", "-f", "{{.ImportPath}}"}
		env := os.Environ()
		if a.cell {
			name += " in a cell"
			args = append(args, "-tags", "golens_cell")
			env = append(env, "CGO_ENABLED=0")
		}
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("go", append(args, module+a.from)...)
			cmd.Env = env
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("go list: %v", err)
			}
			own := strings.TrimSuffix(a.from, "/...")
			for _, dep := range strings.Fields(string(out)) {
				if strings.HasPrefix(dep, module+own) && (dep == module+own || strings.HasSuffix(a.from, "/...")) {
					continue
				}
				if slices.ContainsFunc(a.not, func(bad string) bool { return strings.HasPrefix(dep, bad) }) {
					t.Errorf("%s depends on %s: %s", a.from, dep, a.why)
				}
			}
		})
	}
}
