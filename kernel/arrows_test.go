package kernel_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestArrows holds what may not be linked into the kernel's programs, and why.
func TestArrows(t *testing.T) {
	const module = "github.com/golens/golens/"
	for _, test := range []struct {
		name, pkg, tags string
		forbidden       map[string]string // prefixes, and why
		but             string            // packages that a prefix forbids and that may be linked, between spaces
	}{
		{"the front stays light", "kernel/cmd/golens", "", map[string]string{
			"github.com/gomlx/":  "the graph library is for golens-host: the front would take minutes to build",
			"runtime/cgo":        "the front is built everywhere, with or without a C compiler",
			module + "model":     "the front knows models by what the host reports, and their files by model/hub",
			module + "plotting":  "figures are the cells'",
			module + "interp":    "analyses are the cells'",
			module + "kernel/nb": "nb is the cells'",
		}, " " + module + "model/hub " + module + "plotting/script "},
		{"the hub knows files, not models", "model/hub", "", map[string]string{
			"github.com/gomlx/": "the front links the hub",
			"runtime/cgo":       "the front links the hub",
			module:              "the front links the hub, and would link with it whatever it needs",
		}, " " + module + "model/hub "},
		{"cells stay light", "kernel/nb", "golens_cell", map[string]string{
			"github.com/gomlx/":            "cells ask the host: each would link for a second",
			"github.com/go-zeromq/":        "cells do not speak Jupyter's protocol",
			"runtime/cgo":                  "cells are built without a C compiler",
			module + "model/internal/exec": "the executor is the host's",
			module + "plotting":            "a cell that shows no figure links no fonts",
			module + "interp":              "a cell links the analyses that it uses",
			module + "kernel/render":       "nb is all that a cell needs",
			module + "model/hub":           "the host downloads",
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := exec.Command("go", "list", "-deps", "-tags="+test.tags, module+test.pkg)
			cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			deps := strings.Fields(string(out))
			if len(deps) < 20 {
				t.Fatalf("only %d packages: this test tests nothing", len(deps))
			}
			for _, dep := range deps {
				for prefix, why := range test.forbidden {
					if strings.HasPrefix(dep, prefix) && !strings.Contains(test.but, " "+dep+" ") {
						t.Errorf("%s links %s: %s", test.pkg, dep, why)
					}
				}
			}
		})
	}
}
