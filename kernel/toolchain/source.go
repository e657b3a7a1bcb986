package toolchain

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
)

// Module is the path of this module.
const Module = "github.com/golens/golens"

// SourceEnv names the environment variable that says where the sources are.
const SourceEnv = "GOLENS_SOURCE"

// Source is a copy of the module's sources on this machine.
type Source struct {
	Dir     string // absolute
	Version string // module version, or "" for a working copy
}

// FindSource finds the sources: at GOLENS_SOURCE if set, else the module that
// the working directory lies in if it is golens, else where this program was
// built from, else the module cache, into which the go command downloads them
// if they are not there.
func FindSource(ctx context.Context) (Source, error) {
	if dir := os.Getenv(SourceEnv); dir != "" {
		if !isSource(dir) {
			return Source{}, fmt.Errorf("%s=%s is not a copy of %s (no go.mod that says so)", SourceEnv, dir, Module)
		}
		abs, err := filepath.Abs(dir)
		return Source{Dir: abs}, err
	}
	if wd, err := os.Getwd(); err == nil {
		for dir := wd; ; dir = filepath.Dir(dir) {
			if isSource(dir) {
				return Source{Dir: dir}, nil
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	if _, file, _, ok := runtime.Caller(0); ok { // not with -trimpath
		if dir := filepath.Join(filepath.Dir(file), "..", ".."); isSource(dir) {
			return Source{Dir: dir}, nil
		}
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
			if m.Path == Module && m.Version != "" && m.Version != "(devel)" {
				return download(ctx, m.Version)
			}
		}
	}
	return Source{}, fmt.Errorf("cannot find the sources of %s: set %s to a copy of the repository", Module, SourceEnv)
}

// isSource tells whether dir holds the go.mod of this module.
func isSource(dir string) bool {
	f, err := os.Open(filepath.Join(dir, "go.mod"))
	if err != nil {
		return false
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, ok := strings.CutPrefix(s.Text(), "module "); ok {
			return strings.Trim(strings.TrimSpace(name), `"`) == Module
		}
	}
	return false
}

// download returns the sources of a released version in the module cache.
func download(ctx context.Context, version string) (Source, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", Module+"@"+version)
	cmd.Dir = os.TempDir() // not inside whatever module the user works in
	out, err := cmd.Output()
	var got struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(out, &got); jsonErr == nil && got.Error != "" {
		err = errors.New(got.Error)
	}
	if err == nil && got.Dir == "" {
		err = errors.New("the go command named no folder")
	}
	if err != nil {
		return Source{}, fmt.Errorf("sources of %s@%s: %w; set %s to a copy of the repository", Module, version, err, SourceEnv)
	}
	return Source{Dir: got.Dir, Version: version}, nil
}
