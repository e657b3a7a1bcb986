package kernel_test

import (
	"os/exec"
	"slices"
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
			"github.com/gomlx/":     "the graph library is for golens-host: the front would take minutes to build",
			"runtime/cgo":           "the front is built everywhere, with or without a C compiler",
			module + "model":        "the front knows models by what the host reports, and their files by model/hub",
			module + "plotting":     "figures are the cells'",
			module + "interp":       "analyses are the cells'",
			module + "kernel/nb":    "nb is the cells'",
			"github.com/go-zeromq/": "it trusts whoever connects (kernel/wire/ADR)",
		}, " " + module + "model/hub " + module + "model/files " + module + "plotting/script " + module + "kernel/nb/keep "},
		{"the hub knows files, not models", "model/hub", "", map[string]string{
			"github.com/gomlx/": "the front links the hub",
			"runtime/cgo":       "the front links the hub",
			module:              "the front links the hub, and would link with it whatever it needs",
		}, " " + module + "model/hub " + module + "model/files "},
		{"cells stay light", "kernel/nb", "golens_cell", map[string]string{
			"github.com/gomlx/":            "cells ask the host: each would link for a second",
			module + "kernel/wire":         "cells do not speak Jupyter's protocol",
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

// TestAnalysesAndFiguresDoNotKnowEachOther holds that analyses give values with
// named axes and figures read them, so that either serves without the other; tests
// included. What needs both is a notebook or its test.
func TestAnalysesAndFiguresDoNotKnowEachOther(t *testing.T) {
	const module = "github.com/golens/golens/"
	for pkg, forbidden := range map[string]string{"interp": module + "plotting", "plotting": module + "interp"} {
		for importer, imports := range importsOf(t, module+pkg+"/...", true) {
			for _, dep := range imports {
				if strings.HasPrefix(dep, forbidden) {
					t.Errorf("%s imports %s", importer, dep)
				}
			}
		}
	}
}

// TestAnalysesPointDown holds the order of the analyses: each imports only those
// before it.
func TestAnalysesPointDown(t *testing.T) {
	const module = "github.com/golens/golens/interp"
	order := []string{"", "/graph", "/task", "/ablate", "/steer", "/probe", "/causal", "/heads", "/compose", "/lens", "/neuron", "/sae", "/feature", "/patch", "/circuit", "/discover", "/ioi", "/bench", "/syntax", "/phase", "/subclone", "/repair"}
	all := importsOf(t, module+"/...", false)
	if len(all) != len(order) {
		t.Errorf("%d packages of analyses, %d have a place in the order: give each one", len(all), len(order))
	}
	for i, name := range order {
		for _, dep := range all[module+name] {
			if rest, is := strings.CutPrefix(dep, module); is && slices.Index(order, rest) >= i {
				t.Errorf("interp%s imports interp%s, which comes after it", name, rest)
			}
		}
	}
}

// importsOf are the direct imports of packages, with those of their tests if asked.
func importsOf(t *testing.T, pattern string, tests bool) map[string][]string {
	t.Helper()
	format := "{{.ImportPath}} {{join .Imports \" \"}}"
	if tests {
		format += " {{join .TestImports \" \"}} {{join .XTestImports \" \"}}"
	}
	out, err := exec.Command("go", "list", "-f", format, pattern).Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		all[fields[0]] = fields[1:]
	}
	if len(all) == 0 {
		t.Fatalf("no packages %s: this test tests nothing", pattern)
	}
	return all
}
