package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// Direct tells whether programs are compiled and linked here without the go
// command, as far as it is known how it would do that.
const Direct = runtime.GOOS == "linux"

// ErrKilled: the compiler or the linker was killed, as Linux does with a
// program when memory is short.
var ErrKilled = errors.New("the build was killed: memory is short; close other kernels or programs")

// CompileError is what the compiler says of a program.
type CompileError struct{ Output string }

// Error implements error.
func (e *CompileError) Error() string { return strings.TrimSpace(e.Output) }

// Build compiles and links a program and returns its file.
func (b *Builder) Build(ctx context.Context, source string, imports []string) (string, error) {
	cfg, err := b.prepare(ctx, imports)
	if err != nil {
		return "", err
	}
	in, object, out := filepath.Join(b.cfg.Work, "program.go"), filepath.Join(b.cfg.Work, "program.a"), filepath.Join(b.cfg.Work, "program")
	if err := os.WriteFile(in, []byte(source), 0o600); err != nil {
		return "", err
	}
	err = b.tool(ctx, "compile", "-o", object, "-p", "main", "-complete", "-nolocalimports", "-importcfg", cfg,
		fmt.Sprintf("-c=%d", min(4, runtime.NumCPU())), "-pack", in)
	if err == nil {
		err = b.tool(ctx, "link", "-o", out, "-importcfg", cfg, "-buildmode=exe", "-buildid=", "-s", "-w", object)
	}
	return out, err
}

// prepare makes sure that imports are compiled, and writes where all packages
// lie.
func (b *Builder) prepare(ctx context.Context, imports []string) (cfg string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, path := range imports {
		if path != "unsafe" {
			if _, err := b.get(path); err != nil {
				return "", err
			}
		}
	}
	if b.tools == "" {
		dir, err := b.cfg.Dir() // where go.mod may ask for a newer toolchain
		if err != nil {
			return "", err
		}
		cmd, done := b.command(ctx, dir, b.cfg.Go, "env", "GOTOOLDIR")
		defer done()
		out, err := cmd.Output()
		if err != nil {
			return "", fmt.Errorf("go env: %w", err)
		}
		b.tools = strings.TrimSpace(string(out))
	}
	cfg = filepath.Join(b.cfg.Work, "importcfg")
	if b.written == b.version {
		return cfg, nil
	}
	var lines []string
	for path, p := range b.pkgs {
		if p.Export != "" {
			lines = append(lines, "packagefile "+path+"="+p.Export+"\n")
		}
	}
	slices.Sort(lines)
	if err := os.WriteFile(cfg, []byte(strings.Join(lines, "")), 0o600); err != nil {
		return "", err
	}
	b.written = b.version
	return cfg, nil
}

// tool runs the compiler or the linker.
func (b *Builder) tool(ctx context.Context, name string, args ...string) error {
	cmd, done := b.command(ctx, b.cfg.Work, filepath.Join(b.tools, name), args...)
	defer done()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &exit):
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
			return ErrKilled
		}
		return &CompileError{string(out)}
	}
	return err
}
