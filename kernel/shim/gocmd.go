package shim

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/golens/golens/kernel/nb/keep"
)

// goCommand acts as the go command.
func goCommand(args []string) error {
	if !inCellDir() {
		return become(EnvGo, args, os.Environ())
	}
	switch {
	case len(args) == 3 && args[0] == "mod" && args[1] == "init":
		return initModule(args[2])
	case isBareGet(args):
		// The module is complete: a module that a cell lacks is named by the
		// build's error, and got by `!*go get MODULE@VERSION`.
		return shellFailure()
	case len(args) > 0 && (args[0] == "build" || args[0] == "test"):
		if err := shellFailure(); err != nil {
			return err
		}
		if done, err := program(args); done || err != nil {
			return err
		}
		args = CellFlags(args)
	}
	return become(EnvGo, args, append(append(os.Environ(), Modules()...), "CGO_ENABLED=0", Workspace(os.Getenv(envCellDir))))
}

// Workspace sets the go.work of the cells' own folder, if it has one. One in a
// folder above is not obeyed: anybody may put it into the temporary folder, and
// with it choose the code that cells are built from.
func Workspace(dir string) string {
	own := filepath.Join(dir, "go.work")
	if _, err := os.Stat(own); err == nil && filepath.IsAbs(own) {
		return "GOWORK=" + own
	}
	return "GOWORK=off"
}

// program puts the cell's program where gonb wants what it builds of its stub:
// the program that is built already, or one that the go command builds.
func program(args []string) (done bool, err error) {
	dir := os.Getenv(keep.Env)
	if dir == "" {
		return false, nil
	}
	i := slices.Index(args, "-o")
	if i < 0 || i+1 == len(args) {
		return false, nil
	}
	out := args[i+1]
	if _, err := os.Stat(filepath.Join(dir, ProgramFile)); err == nil {
		return true, launch(out, filepath.Join(dir, ProgramFile))
	}
	source, err := os.ReadFile(filepath.Join(dir, SourceFile))
	if err != nil {
		return false, nil // gonb's own cell
	}
	os.Remove(out) // the go command does not write over a script
	name := "main.go"
	if args[0] == "test" {
		name = "main_test.go"
	}
	if err := os.WriteFile(name, source, 0o600); err != nil {
		return true, err
	}
	cmd := exec.Command(os.Getenv(EnvGo), CellFlags(args)...)
	cmd.Env = append(append(os.Environ(), Modules()...), "CGO_ENABLED=0", "PATH="+os.Getenv(EnvBasePath), Workspace(os.Getenv(envCellDir)))
	said, err := cmd.CombinedOutput()
	if err == nil {
		return true, launch(out, out)
	}
	said = append(said, "\n"+err.Error()...)
	if e := os.WriteFile(filepath.Join(dir, ErrorsFile), said, 0o600); e != nil {
		return true, e
	}
	return true, err
}

// launch puts the program, and in its place a script that starts it with the
// cell's standard input: gonb gives it a pipe that never ends.
func launch(out, program string) error {
	to := out + ".program"
	if err := os.Rename(program, to); err != nil {
		return err
	}
	stdin := filepath.Join(os.Getenv(keep.Env), StdinFile)
	script := fmt.Sprintf("#!/bin/sh\nif [ -e %[2]s ]; then exec %[1]s \"$@\" <%[2]s; fi\nexec %[1]s \"$@\"\n", quote(to), quote(stdin))
	os.Remove(out)
	return os.WriteFile(out, []byte(script), 0o700)
}

// quote writes a path for the shell.
func quote(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }

// inCellDir tells whether the working directory is where gonb builds cells.
func inCellDir() bool {
	dir := os.Getenv(envCellDir)
	if dir == "" {
		return false
	}
	want, err := os.Stat(dir)
	if err != nil {
		return false
	}
	here, err := os.Stat(".")
	return err == nil && os.SameFile(want, here)
}

// isBareGet tells whether args are gonb's look-up of missing modules.
func isBareGet(args []string) bool {
	return slices.Equal(args, []string{"get"}) || slices.Equal(args, []string{"get", "-t"})
}

// initModule writes go.mod and go.sum for cells, in place of `go mod init`.
func initModule(name string) error {
	dir := os.Getenv(EnvCellModule)
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return fmt.Errorf("go.mod for cells: %w", err)
	}
	sum, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil {
		return fmt.Errorf("go.sum for cells: %w", err)
	}
	if err := os.WriteFile("go.sum", sum, 0o644); err != nil {
		return err
	}
	return os.WriteFile("go.mod", append([]byte("module "+name+"\n\n"), mod...), 0o644)
}

// shellFailure returns an error if a ! line of this cell has failed, so that
// the Go code below it is not run.
func shellFailure() error {
	status, err := os.ReadFile(os.Getenv(EnvShellFailed))
	if err != nil || len(status) == 0 {
		return nil
	}
	return fmt.Errorf("a ! line of this cell failed with exit status %s: its Go code was not run", strings.TrimSpace(string(status)))
}

// CellFlags adds to a build of a cell the tag that keeps the executor out, and
// drops what only costs time: debug information and the search for a
// repository.
func CellFlags(args []string) []string {
	tags := []string{CellTag}
	var rest []string
	haveLd := false
	for i := 1; i < len(args); i++ {
		name, value, inOne := strings.Cut(args[i], "=")
		name = "-" + strings.TrimLeft(name, "-")
		switch {
		case name == "-tags" && strings.HasPrefix(args[i], "-"):
			if !inOne && i+1 < len(args) {
				i++
				value = args[i]
			}
			tags = append(tags, value)
			continue
		case name == "-ldflags" && strings.HasPrefix(args[i], "-"):
			haveLd = true
		}
		rest = append(rest, args[i])
	}
	flags := []string{args[0], "-tags=" + strings.Join(tags, ","), "-buildvcs=false"}
	if !haveLd {
		flags = append(flags, "-ldflags=-w")
	}
	return append(flags, rest...)
}
