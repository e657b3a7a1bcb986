package toolchain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/golens/golens/kernel/internal/proc"
	"github.com/golens/golens/kernel/shim"
)

// Toolchain builds and finds programs.
type Toolchain struct {
	Source Source
	Go     string // absolute path of the go command
	Bin    string // folder of the programs, in the user's cache

	env goEnv
}

// goEnv is what of the go command's environment decides a build.
type goEnv struct {
	GOVERSION, GOOS, GOARCH, GOAMD64, GOEXPERIMENT, CGO_ENABLED, GOFLAGS string
}

// Find locates the sources, the go command and the user's cache.
func Find(ctx context.Context) (*Toolchain, error) {
	src, err := FindSource(ctx)
	if err != nil {
		return nil, err
	}
	goCmd, err := exec.LookPath("go")
	if err != nil {
		return nil, fmt.Errorf("the go command is not on the PATH: install Go from https://go.dev/dl: %w", err)
	}
	if goCmd, err = filepath.Abs(goCmd); err != nil {
		return nil, err
	}
	t := &Toolchain{Source: src, Go: goCmd}
	cmd := exec.CommandContext(ctx, t.Go, "env", "-json",
		"GOVERSION", "GOOS", "GOARCH", "GOAMD64", "GOEXPERIMENT", "CGO_ENABLED", "GOFLAGS")
	cmd.Dir = src.Dir // where go.mod may ask for a newer toolchain
	cmd.Env = append(append(os.Environ(), shim.Modules()...), noWorkspace, "PWD="+src.Dir)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w%s", err, stderrOf(err))
	}
	if err := json.Unmarshal(out, &t.env); err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("no folder to keep programs in: %w", err)
	}
	t.Bin = filepath.Join(cache, "golens", binPrefix+src.id())
	if err := keepable(t.Bin); err != nil {
		return nil, err
	}
	return t, nil
}

// binPrefix begins the names of folders of programs, lockFile is locked in one while
// something is built, and Kernel is the program that Keep and Share leave for Jupyter to
// start.
const (
	binPrefix = "bin-"
	lockFile  = "lock"
	Kernel    = "golens"
)

// keepable makes the folder of programs, which are run as long as their stamps
// hold, and refuses one into which others could put theirs.
func keepable(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil // Build says so, if there is anything to build
	}
	if err := trusted(dir, true); err != nil {
		return fmt.Errorf("no programs are kept in %s, because %w; set XDG_CACHE_HOME to a folder of your own", dir, err)
	}
	return nil
}

// id names the sources' place: their version, or a hash of their path.
func (s Source) id() string {
	if s.Version != "" {
		return s.Version
	}
	return hashOf(s.Dir)[:12]
}

// Version returns the go command's version without its "go" prefix.
func (t *Toolchain) Version() string { return strings.TrimPrefix(t.env.GOVERSION, "go") }

// Programs that Build makes.
const (
	Gonb      = "gonb"
	Goimports = "goimports"
	Gopls     = "gopls"
	Host      = "golens-host"
	Cluster   = "golens-cluster"
)

// ForCells is what a kernel needs to run cells.
var ForCells = []string{Gonb, Goimports, Host, Cells}

// All adds completion and inspection.
var All = append(ForCells[:len(ForCells):len(ForCells)], Gopls)

// packages holds the import path of each program.
var packages = map[string]string{
	Gonb:      "github.com/janpfeifer/gonb",
	Goimports: "golang.org/x/tools/cmd/goimports",
	Gopls:     "golang.org/x/tools/gopls",
	Host:      Module + "/kernel/cmd/golens-host",
	Cluster:   Module + "/kernel/cmd/golens-cluster",
}

// Path returns where Build puts a program.
func (t *Toolchain) Path(program string) string { return filepath.Join(t.Bin, program) }

// Build makes the named programs that are not there or not up to date. It calls
// progress, which may be nil, with one line before each build.
func (t *Toolchain) Build(ctx context.Context, progress func(line string), programs ...string) error {
	if progress == nil {
		progress = func(string) {}
	}
	t.used()
	todo, err := t.outdated(programs)
	if err != nil || len(todo) == 0 {
		return err
	}
	if err := os.MkdirAll(t.Bin, 0o755); err != nil {
		return fmt.Errorf("folder for programs: %w", err)
	}
	l, err := proc.TryAcquire(filepath.Join(t.Bin, lockFile))
	if errors.Is(err, proc.ErrLocked) {
		progress("waiting for another golens that is building " + strings.Join(names(todo), ", "))
		l, err = proc.Acquire(filepath.Join(t.Bin, lockFile))
	}
	if err != nil {
		return err
	}
	defer l.Unlock()
	// The other one may have built them meanwhile.
	if todo, err = t.outdated(programs); err != nil {
		return err
	}
	for _, p := range todo {
		progress(doing(p.name))
		err := t.build(ctx, p)
		if err != nil && p.name == Cells && ctx.Err() == nil {
			// Only cells that import the broken package need to know, and the
			// compiler tells them.
			progress(err.Error())
			continue
		}
		if err != nil {
			return err
		}
	}
	t.removeUnused()
	return nil
}

// doing says what is being built, and why it may take a while.
func doing(program string) string {
	switch program {
	case Host:
		return "building golens-host, with the model engine (once; a minute or two)"
	case Cells:
		return "building the packages that cells import (once)"
	}
	return "building " + program + " (once)"
}

// Keep copies the running program into the folder of programs, as Kernel, and returns
// the copy: what Jupyter starts must outlive `go run`.
func (t *Toolchain) Keep() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	if self == t.Path(Kernel) {
		return self, nil
	}
	data, err := os.ReadFile(self)
	if err != nil {
		return "", fmt.Errorf("keeping a copy of golens: %w", err)
	}
	if err := os.MkdirAll(t.Bin, 0o755); err != nil {
		return "", fmt.Errorf("folder for programs: %w", err)
	}
	tmp := t.Path(Kernel) + ".new"
	if err := os.WriteFile(tmp, data, 0o755); err != nil {
		return "", fmt.Errorf("keeping a copy of golens: %w", err)
	}
	return t.Path(Kernel), os.Rename(tmp, t.Path(Kernel))
}

// job is a program to build and the stamp that it will get.
type job struct{ name, stamp string }

func names(jobs []job) []string {
	var s []string
	for _, j := range jobs {
		s = append(s, j.name)
	}
	return s
}

// outdated returns the programs whose file is missing or whose stamp is old.
func (t *Toolchain) outdated(programs []string) ([]job, error) {
	var todo []job
	for _, name := range programs {
		if packages[name] == "" && name != Cells {
			return nil, fmt.Errorf("toolchain: no program is called %q", name)
		}
		stamp, err := t.stamp(name)
		if err != nil {
			return nil, err
		}
		have, _ := os.ReadFile(t.Path(name) + ".stamp")
		if _, err := os.Stat(t.Path(name)); err != nil || string(have) != stamp {
			todo = append(todo, job{name, stamp})
		}
	}
	return todo, nil
}

// build makes one program beside its place and renames it, so that a program
// that is running keeps its file.
func (t *Toolchain) build(ctx context.Context, j job) error {
	tmp, err := os.MkdirTemp(t.Bin, "new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	out := filepath.Join(tmp, j.name)
	if j.name == Cells {
		list, err := t.warm(ctx, tmp)
		if err == nil {
			err = os.WriteFile(t.Path(Cells), list, 0o644)
		}
		if err != nil {
			return err
		}
		return os.WriteFile(t.Path(Cells)+".stamp", []byte(j.stamp), 0o644)
	}
	cmd := exec.CommandContext(ctx, t.Go, "build", "-buildvcs=false", "-o", out, packages[j.name])
	cmd.Dir = t.Source.Dir
	cmd.Env = t.buildEnv(j.name)
	if msg, err := cmd.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("building %s in %s: %w\n%s", j.name, t.Source.Dir, err, strings.TrimSpace(string(msg)))
	}
	if err := os.Rename(out, t.Path(j.name)); err != nil {
		return err
	}
	return os.WriteFile(t.Path(j.name)+".stamp", []byte(j.stamp), 0o644)
}

// buildEnv returns the environment of a build. The host alone is built with
// SIMD on amd64: its matrix products are ten times as fast, and code for AVX2
// and AVX-512 is chosen at run time, so it also runs where neither exists.
func (t *Toolchain) buildEnv(program string) []string {
	env := os.Environ()
	switch {
	case program != Host:
		env = append(env, "CGO_ENABLED=0")
	case t.env.GOARCH == "amd64":
		env = append(env, "GOEXPERIMENT="+withSIMD(t.env.GOEXPERIMENT))
	}
	return append(append(env, noWorkspace), append(shim.Modules(), "PWD="+t.Source.Dir)...)
}

// noWorkspace keeps the go command from obeying a go.work in any folder above,
// such as the temporary one, where anybody may put it.
const noWorkspace = "GOWORK=off"

// withSIMD adds simd to a list of Go experiments.
func withSIMD(experiments string) string {
	for _, e := range strings.Split(experiments, ",") {
		if e == "simd" {
			return experiments
		}
	}
	return strings.TrimPrefix(experiments+",simd", ",")
}

func stderrOf(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return ": " + strings.TrimSpace(string(exit.Stderr))
	}
	return ""
}
