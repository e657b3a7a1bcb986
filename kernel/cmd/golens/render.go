package main

import (
	"context"
	"os"

	"github.com/golens/golens/kernel/render"
	"github.com/golens/golens/kernel/toolchain"
)

func renderCommand(ctx context.Context, args []string) error {
	f := flags("render", `usage: golens render [flags] NOTEBOOK.ipynb

Runs the notebook from top to bottom in a new kernel and writes one HTML file
that needs nothing else to be read. When a cell fails, what ran is written, the
cell is named and the exit status is 1.`)
	html := f.String("o", "", "the HTML `file` (default: beside the notebook)")
	executed := f.String("ipynb", "", "also write the executed notebook to this `file`")
	timeout := f.Duration("timeout", 0, "time limit of each cell, such as 10m (default: none)")
	verbose := f.Bool("v", false, "show the kernel's log")
	rest, err := parse(f, args, 1)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	tools, err := toolchain.Find(ctx)
	if err != nil {
		return err
	}
	if err := tools.Build(ctx, say, toolchain.ForCells...); err != nil {
		return err
	}
	cfg := render.Config{
		Notebook: rest[0], HTML: *html, Executed: *executed, Timeout: *timeout,
		Kernel:   []string{self, "kernel", "-no-gopls", "{connection_file}"},
		Env:      []string{toolchain.SourceEnv + "=" + tools.Source.Dir},
		Source:   tools.Source.Dir,
		Terminal: os.Stderr,
	}
	if *verbose {
		cfg.Log = os.Stderr
	}
	return render.Run(ctx, cfg)
}
