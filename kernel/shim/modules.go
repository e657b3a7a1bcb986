package shim

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
)

// Modules are the variables that make the go command build modules of their own
// go.mod whatever the user's settings are: there is no other way to build golens and
// its cells. A user whose project has a vendor folder may have set GOFLAGS=-mod=vendor.
func Modules() []string {
	env := []string{"GO111MODULE=on"}
	if given := goFlags(); ownModules(given) != given {
		env = append(env, "GOFLAGS="+ownModules(given))
	}
	return env
}

// ownModules drops flags that name the modules of a project. If none is left it gives
// one that says nothing, for else the go command reads what `go env -w` has written.
func ownModules(flags string) string {
	var kept []string
	for _, f := range strings.Fields(flags) {
		name, _, _ := strings.Cut("-"+strings.TrimLeft(f, "-"), "=")
		if name != "-mod" && name != "-modfile" {
			kept = append(kept, f)
		}
	}
	switch {
	case len(kept) == len(strings.Fields(flags)):
		return flags
	case len(kept) == 0:
		return "-buildvcs=auto" // as without
	}
	return strings.Join(kept, " ")
}

// goFlags are the user's flags for the go command: in the environment or, where that
// is silent, in the file of `go env -w`.
func goFlags() string {
	if flags := os.Getenv("GOFLAGS"); flags != "" {
		return flags
	}
	path := os.Getenv("GOENV")
	if path == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return ""
		}
		path = filepath.Join(dir, "go", "env")
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if flags, ok := strings.CutPrefix(lines.Text(), "GOFLAGS="); ok {
			return flags
		}
	}
	return ""
}
