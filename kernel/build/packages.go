package build

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/golens/golens/kernel/internal/proc"
	"github.com/golens/golens/kernel/shim"
)

// Builder knows the packages that cells import. Its methods may be called from
// any goroutine.
type Builder struct {
	cfg    Config
	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	mu       sync.Mutex
	stamp    string
	pkgs     map[string]*pkg
	names    map[string][]string // package name to paths, best first
	importer types.Importer
	tools    string // folder of compiler and linker
	named    sync.Once
	version  int // counts changes of pkgs
	written  int // the version that the importcfg holds
}

// Config says where cells are built and by what.
type Config struct {
	Go    string                 // the go command
	Dir   func() (string, error) // folder of the cells' go.mod
	Work  string                 // folder for what is built
	Warm  []string               // paths of packages that cells often import, compiled already
	Stamp func() string          // changes when a source file changes that a cell may be built from
}

// pkg is a compiled package.
type pkg struct {
	ImportPath, Name, Export string
	Standard                 bool
	Incomplete               bool
	Error                    *struct{ Err string }
	Module                   *struct {
		Main    bool
		Version string
		Replace *struct{ Path, Version string }
	}
	changes bool // its source may change while the kernel runs
}

// New returns a builder. It finds the packages on first use.
func New(cfg Config) *Builder {
	ctx, cancel := context.WithCancel(context.Background())
	return &Builder{cfg: cfg, ctx: ctx, cancel: cancel, pkgs: map[string]*pkg{}, names: map[string][]string{}}
}

// Close ends what the builder runs, and returns when it has ended.
func (b *Builder) Close() {
	b.cancel()
	b.mu.Lock()
	defer b.mu.Unlock()
}

// command is a command that ends, with all that it has started, when ctx does or
// the builder is closed.
func (b *Builder) command(ctx context.Context, dir, name string, args ...string) (cmd *exec.Cmd, done func()) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(b.ctx, cancel)
	cmd = exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, env(dir)
	proc.Group(cmd, syscall.SIGKILL)
	cmd.Cancel = func() error { return proc.Signal(cmd.Process.Pid, syscall.SIGKILL) }
	return cmd, func() { stop(); cancel() }
}

// Dir is the folder of the cells' go.mod.
func (b *Builder) Dir() (string, error) { return b.cfg.Dir() }

// env is the environment of the go command, compiler and linker.
func env(dir string) []string {
	return append(append(os.Environ(), shim.Modules()...), "CGO_ENABLED=0", "PWD="+dir, shim.Workspace(dir))
}

// Refresh forgets what is known if a source file has changed since, and learns
// of the packages that cells often import.
func (b *Builder) Refresh(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	stamp := b.cfg.Stamp()
	if dir, err := b.cfg.Dir(); err == nil {
		for _, name := range []string{"go.mod", "go.sum", "go.work"} {
			if info, err := os.Stat(filepath.Join(dir, name)); err == nil {
				stamp += fmt.Sprint(info.Size(), info.ModTime().UnixNano())
			}
		}
	}
	changed := stamp != b.stamp
	for _, p := range b.pkgs {
		changed = changed || p.changes
	}
	if !changed {
		return nil
	}
	b.pkgs = map[string]*pkg{}
	b.importer = nil
	if err := b.list(ctx, append([]string{"runtime"}, b.cfg.Warm...)...); err != nil {
		return err
	}
	b.stamp = stamp
	return nil
}

// list learns of packages and of all that they import.
func (b *Builder) list(ctx context.Context, paths ...string) error {
	dir, err := b.cfg.Dir()
	if err != nil {
		return err
	}
	args := []string{"list", "-e", "-export", "-deps", "-buildvcs=false", "-tags=" + shim.CellTag,
		"-json=ImportPath,Name,Export,Standard,Incomplete,Error,Module", "--"}
	cmd, done := b.command(ctx, dir, b.cfg.Go, append(args, paths...)...)
	defer done()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && len(out) == 0 {
		return fmt.Errorf("go list: %w\n%s", err, strings.TrimSpace(stderr.String()))
	}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		p := &pkg{}
		if err := dec.Decode(p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("go list: %w", err)
		}
		if m := p.Module; m != nil {
			local := m.Main || m.Replace != nil && m.Replace.Version == ""
			p.changes = local && !strings.HasPrefix(p.ImportPath+"/", "github.com/golens/golens/")
		}
		if p.Error == nil && p.Export == "" && p.ImportPath != "unsafe" {
			p.Error = &struct{ Err string }{"it does not compile\n" + strings.TrimSpace(stderr.String())}
		}
		if b.pkgs[p.ImportPath] == nil && p.Name != "" {
			b.names[p.Name] = append(b.names[p.Name], p.ImportPath)
		}
		b.pkgs[p.ImportPath] = p
	}
	b.version++
	return nil
}

// get returns a package, which is compiled if need be.
func (b *Builder) get(path string) (*pkg, error) {
	if b.pkgs[path] == nil {
		if err := b.list(b.ctx, path); err != nil {
			return nil, err
		}
	}
	p := b.pkgs[path]
	switch {
	case p == nil:
		return nil, fmt.Errorf("package %s is not known", path)
	case p.Error != nil && (strings.Contains(p.Error.Err, "no required module provides package") ||
		strings.Contains(p.Error.Err, "cannot find module providing package")): // in other words under -mod=readonly
		delete(b.pkgs, path)
		return nil, fmt.Errorf("no required module provides package %s: get it by a line !*go get %s", path, path)
	case p.Error != nil:
		delete(b.pkgs, path)
		return nil, errors.New(p.Error.Err)
	}
	return p, nil
}

// Import implements types.Importer.
func (b *Builder) Import(path string) (*types.Package, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.load(path)
}

func (b *Builder) load(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	if _, err := b.get(path); err != nil {
		return nil, err
	}
	if b.importer == nil {
		b.importer = importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
			p := b.pkgs[path]
			if p == nil || p.Export == "" {
				return nil, fmt.Errorf("package %s is not compiled", path)
			}
			return os.Open(p.Export)
		})
	}
	return b.importer.Import(path)
}

// Name is the name of the package of that path, "" if it is not known.
func (b *Builder) Name(path string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if path == "unsafe" {
		return path
	}
	p, err := b.get(path)
	if err != nil {
		return ""
	}
	return p.Name
}

// Find returns the path of a package of that name that exports all of these,
// "" if there is none. Packages that cells often import come first, then those
// of the standard library, then those of modules that golens needs.
func (b *Builder) Find(name string, exports []string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if path := b.find(name, exports); path != "" {
		return path
	}
	b.named.Do(b.listNames)
	return b.find(name, exports)
}

func (b *Builder) find(name string, exports []string) string {
	paths := slices.Clone(b.names[name])
	slices.SortStableFunc(paths, func(x, y string) int { return b.rank(x) - b.rank(y) })
	for _, path := range paths {
		if strings.Contains("/"+path+"/", "/internal/") || strings.HasPrefix(path, "vendor/") || b.rank(path) > 2 && b.pkgs[path] == nil && !b.near(path) {
			continue
		}
		p, err := b.load(path)
		if err != nil {
			continue
		}
		if !slices.ContainsFunc(exports, func(s string) bool { return token.IsExported(s) && p.Scope().Lookup(s) == nil }) {
			return path
		}
	}
	return ""
}

// near tells whether a module is one that cells may use without asking.
func (b *Builder) near(path string) bool {
	return strings.HasPrefix(path, "gonum.org/v1/") || strings.HasPrefix(path, "github.com/golens/golens/")
}

func (b *Builder) rank(path string) int {
	first, _, _ := strings.Cut(path, "/")
	switch {
	case slices.Contains(b.cfg.Warm, path):
		return 0
	case strings.HasPrefix(path, "github.com/golens/golens/"):
		return 1
	case !strings.Contains(first, "."): // the standard library
		return 2
	}
	return 3
}

// listNames learns the names of packages without compiling them.
func (b *Builder) listNames() {
	dir, err := b.cfg.Dir()
	if err != nil {
		return
	}
	cmd, done := b.command(b.ctx, dir, b.cfg.Go, "list", "-e", "-f", "{{.Name}} {{.ImportPath}}", "--",
		"std", "github.com/golens/golens/...", "gonum.org/v1/gonum/...", "gonum.org/v1/plot/...")
	defer done()
	out, _ := cmd.Output() // what is listed counts
	for line := range strings.Lines(string(out)) {
		if name, path, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "main" && !slices.Contains(b.names[name], path) {
			b.names[name] = append(b.names[name], path)
		}
	}
}
