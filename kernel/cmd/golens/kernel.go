package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"

	"github.com/golens/golens/kernel/host"
	"github.com/golens/golens/kernel/render"
	"github.com/golens/golens/kernel/supervisor"
	"github.com/golens/golens/kernel/toolchain"
)

func kernelCommand(ctx context.Context, args []string) error {
	f := flags("kernel", `usage: golens kernel [flags] CONNECTION_FILE

Runs a Jupyter kernel on the ports that the connection file names.`)
	noGopls := f.Bool("no-gopls", false, "run without completion and inspection")
	rest, err := parse(f, args, 1)
	if err != nil {
		return err
	}
	// The kernel answers signals itself: an interrupt stops a cell, not it.
	return supervisor.Run(context.WithoutCancel(ctx), supervisor.Config{ConnectionFile: rest[0], NoGopls: *noGopls})
}

func hostCommand(ctx context.Context, args []string) error {
	return becomeHost(ctx, args) // whose flags these are
}

// becomeHost replaces this process by golens-host, which is built if needed.
func becomeHost(ctx context.Context, args []string) error {
	return become(ctx, toolchain.Host, args)
}

// become replaces this process by a program of golens, which is built if needed.
func become(ctx context.Context, program string, args []string) error {
	tools, err := toolchain.Find(ctx)
	if err != nil {
		return err
	}
	if err := tools.Build(ctx, say, program); err != nil {
		return err
	}
	path := tools.Path(program)
	return &os.PathError{Op: "exec", Path: path, Err: syscall.Exec(path, append([]string{path}, args...), host.Env(os.Environ()))}
}

// say shows a line of progress.
func say(line string) { fmt.Fprintln(os.Stderr, "golens:", line) }

func versionCommand(ctx context.Context, args []string) error {
	if _, err := parse(flags("version", "usage: golens version"), args, 0); err != nil {
		return err
	}
	tools, err := toolchain.Find(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("golens %s\nsources %s\nGo %s, %s\n", render.GolensVersion(ctx, tools.Source.Dir),
		tools.Source.Dir, strings.TrimPrefix(tools.Version(), "go"), runtime.GOOS+"/"+runtime.GOARCH)
	return nil
}
