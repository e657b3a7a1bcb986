package shim

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/golens/golens/kernel/internal/proc"
	"github.com/golens/golens/kernel/nb/keep"
)

// Is tells whether a program started as argv0 is to act as a shim.
func Is(argv0 string) bool {
	name := filepath.Base(argv0)
	return name == "go" || name == "gopls" || name == "goimports"
}

// Main acts as the program named by argv[0] and returns its exit status, if it
// has not become the real program by then.
func Main(argv []string) int {
	var err error
	switch filepath.Base(argv[0]) {
	case "go":
		err = goCommand(argv[1:])
	case "gopls":
		err = gopls(argv[1:])
	case "goimports":
		if _, e := os.Stat(filepath.Join(os.Getenv(keep.Env), RealImports)); e == nil {
			err = become(EnvGoimports, argv[1:], os.Environ())
		} // else gonb has a stub, in which nothing is to be found
	default:
		err = fmt.Errorf("no shim is called %q", argv[0])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// gopls becomes the real gopls, in the background of what cells do, and dies
// with gonb.
func gopls(args []string) error {
	parent := os.Getppid()
	if !proc.DieWithParent(parent, syscall.SIGKILL) {
		return fmt.Errorf("gopls: its kernel is gone")
	}
	// 10 of 19: completion may be slow while a cell builds, not the reverse.
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, 10)
	env := append(os.Environ(), "CGO_ENABLED=0", Workspace(os.Getenv(envCellDir)))
	env = append(append(env, Modules()...), "GOFLAGS="+withTag(goFlags()))
	return become(EnvGopls, args, env)
}

// withTag adds the cells' build tag to a GOFLAGS value.
func withTag(goflags string) string {
	if goflags == "" {
		return "-tags=" + CellTag
	}
	return ownModules(goflags) + " -tags=" + CellTag
}

// become replaces this process by the program that variable names.
func become(variable string, args, env []string) error {
	path := os.Getenv(variable)
	if path == "" {
		return fmt.Errorf("%s is not set: this program is for gonb under `golens kernel`", variable)
	}
	if base, ok := os.LookupEnv(EnvBasePath); ok {
		env = append(env, "PATH="+base) // the last one counts
	}
	return &os.PathError{Op: "exec", Path: path, Err: syscall.Exec(path, append([]string{path}, args...), dedup(env))}
}

// dedup keeps the last value of each variable: exec hands on duplicates as they
// stand, and programs read the first.
func dedup(env []string) []string {
	seen := make(map[string]bool)
	var out []string
	for i := len(env) - 1; i >= 0; i-- {
		name := env[i]
		for j := range name {
			if name[j] == '=' {
				name = name[:j]
				break
			}
		}
		if !seen[name] {
			seen[name] = true
			out = append(out, env[i])
		}
	}
	return out
}
