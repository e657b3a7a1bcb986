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

	"github.com/golens/golens/kernel/shim"
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

// FindSource finds the sources: at GOLENS_SOURCE if set, else where this program
// was built from, else in the module cache, into which the go command downloads
// the version that this program was built from, else the module that the working
// directory lies in if it is golens. What is found is built and run, so a folder
// that others could have filled is refused (see trusted), except at
// GOLENS_SOURCE, which the caller chose.
func FindSource(ctx context.Context) (Source, error) {
	if dir := os.Getenv(SourceEnv); dir != "" {
		if !isSource(dir) {
			return Source{}, fmt.Errorf("%s=%s is not a copy of %s (no go.mod that says so)", SourceEnv, dir, Module)
		}
		abs, err := filepath.Abs(dir)
		return Source{Dir: abs}, err
	}
	if _, file, _, ok := runtime.Caller(0); ok {
		if dir := built(file); dir != "" {
			return source(dir, true)
		}
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
			if m.Path == Module && m.Version != "" && m.Version != "(devel)" {
				return download(ctx, m.Version)
			}
		}
	}
	return around()
}

// built is the folder of the sources that this file is of, "" if it is no longer
// there. With -trimpath the file's name begins with the module's path: in the
// working directory that would be a folder of anybody's.
func built(file string) string {
	dir := filepath.Join(filepath.Dir(file), "..", "..")
	if !filepath.IsAbs(file) || !isSource(dir) {
		return ""
	}
	return dir
}

// around finds the sources that the working directory lies in.
func around() (Source, error) {
	wd, err := os.Getwd()
	if err != nil {
		return Source{}, err
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		if isSource(dir) {
			return source(dir, false)
		}
		if dir == filepath.Dir(dir) {
			return Source{}, fmt.Errorf("cannot find the sources of %s: set %s to a copy of the repository", Module, SourceEnv)
		}
	}
}

// source returns the working copy at dir if it is to be trusted.
func source(dir string, own bool) (Source, error) {
	if err := trusted(filepath.Join(dir, "go.mod"), own); err != nil {
		return Source{}, fmt.Errorf("the sources of golens in %s are not used, because %w; set %s=%s if you trust them", dir, err, SourceEnv, dir)
	}
	return Source{Dir: dir}, nil
}

// isSource tells whether dir holds the go.mod of this module.
func isSource(dir string) bool {
	path := filepath.Join(dir, "go.mod")
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() { // to open a pipe would wait for whoever put it there
		return false
	}
	f, err := os.Open(path)
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
	fail := func(err error) (Source, error) {
		return Source{}, fmt.Errorf("sources of %s@%s: %w; set %s to a copy of the repository", Module, version, err, SourceEnv)
	}
	// In a module of its own: not in whatever module the user works in, nor in
	// one that somebody has put into the temporary folder.
	dir, err := os.MkdirTemp("", "golens-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module none\n"), 0o600); err != nil {
		return fail(err)
	}
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", Module+"@"+version)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), shim.Modules()...), noWorkspace, "PWD="+dir)
	out, err := cmd.Output()
	var got struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(out, &got); jsonErr == nil && got.Error != "" {
		err = errors.New(got.Error)
	}
	if err == nil && got.Dir == "" {
		err = errors.New("the go command named no folder")
	}
	if err != nil {
		return fail(err)
	}
	return Source{Dir: got.Dir, Version: version}, nil
}
