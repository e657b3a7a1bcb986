package toolchain

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/golens/golens/kernel/shim"
)

// Cells is not a program: building it compiles the packages that cells import,
// so that the first cell finds them in Go's build cache and needs no network.
const Cells = "cells"

// cellPackages are the packages of golens that cells import, beside those that
// these import themselves.
var cellPackages = []string{"kernel/nb", "kernel/nb/keep", "model", "model/hook", "model/array", "interp", "plotting"}

// cellStd are packages of the standard library that cells often import.
var cellStd = []string{"bytes", "cmp", "context", "encoding/json", "errors", "flag", "fmt", "maps", "math", "math/rand/v2",
	"os", "slices", "sort", "strconv", "strings", "sync", "time"}

// warm builds a program that imports what cells import, as a cell is built,
// and keeps nothing but what Go's build cache keeps.
func (t *Toolchain) warm(ctx context.Context, dir string) ([]byte, error) {
	mod, sum, err := t.CellModule(ctx)
	if err != nil {
		return nil, err
	}
	var src strings.Builder
	src.WriteString("package main\n\nimport (\n\t_ \"github.com/janpfeifer/gonb/gonbui\"\n")
	for _, p := range append(t.cellImports(), cellStd...) {
		fmt.Fprintf(&src, "\t_ %q\n", p)
	}
	src.WriteString(")\n\nfunc main() {}\n")
	for name, data := range map[string][]byte{
		"go.mod": append([]byte("module cells\n\n"), mod...), "go.sum": sum, "main.go": []byte(src.String()),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return nil, err
		}
	}
	cmd := exec.CommandContext(ctx, t.Go, shim.CellFlags([]string{"build", "-o", filepath.Join(dir, "cell")})...)
	cmd.Dir = dir
	cmd.Env = append(t.buildEnv(Cells), "PWD="+dir)
	if msg, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the packages that cells import: %w\n%s", err, strings.TrimSpace(string(msg)))
	}
	return []byte(src.String()), nil
}

// CellImports lists the packages that cells often import.
func (t *Toolchain) CellImports() []string { return append(t.cellImports(), cellStd...) }

// CellStamp changes when a source file of golens changes that cells may be built
// from. What a version of golens was made of does not change.
func (t *Toolchain) CellStamp() string {
	if t.Source.Version != "" {
		return t.Source.Version
	}
	stamp, _ := t.stamp(Cells) // a file that cannot be read is told of by the compiler
	return stamp
}

// cellImports returns the import paths of the packages of golens that these
// sources hold and that cells import.
func (t *Toolchain) cellImports() []string {
	var list []string
	for _, p := range cellPackages {
		list = append(list, t.below(p)...)
	}
	return list
}

// below returns the import path of package p of golens, and of those one folder
// below it if it is a family of verbs.
func (t *Toolchain) below(p string) []string {
	var list []string
	add := func(p string) {
		if files, _ := filepath.Glob(filepath.Join(t.Source.Dir, p, "*.go")); len(files) > 0 {
			list = append(list, Module+"/"+p)
		}
	}
	add(p)
	if p != "interp" {
		return list
	}
	dirs, _ := os.ReadDir(filepath.Join(t.Source.Dir, p)) // none: no such packages yet
	for _, d := range dirs {
		if d.IsDir() && d.Name() != "internal" && !skipped(d.Name()) {
			add(p + "/" + d.Name())
		}
	}
	return list
}
