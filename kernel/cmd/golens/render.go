package main

import (
	"context"
	"os"

	"github.com/golens/golens/kernel/notebook"
	"github.com/golens/golens/kernel/render"
	"github.com/golens/golens/kernel/toolchain"
)

func renderCommand(ctx context.Context, args []string) error {
	f := flags("render", `usage: golens render [flags] NOTEBOOK.ipynb

Runs the notebook from top to bottom in a new kernel and writes one HTML file
that needs nothing else to be read. When a cell fails, or at an interrupt, what
ran is written and the cell is named. "-" as a file is standard output.

Tags of cells are heeded: raises-exception, skip-execution, remove-input,
remove-output, remove-cell; and parameters, as papermill has them: the variables
of the cell with that tag take the values given with -p.`)
	html := f.String("o", "", "the HTML `file` (default: beside the notebook)")
	executed := f.String("ipynb", "", "also write the executed notebook to this `file`")
	light := f.Bool("light", false, "with -ipynb: without the HTML of figures, which has a script for each;\nfor a notebook that is kept in a repository")
	timeout := f.Duration("timeout", 0, "time limit of each cell, such as 10m (default: none)")
	verbose := f.Bool("v", false, "show the kernel's log")
	var values []notebook.Parameter
	f.Func("p", "`name=value` of a parameter; may be given several times", func(s string) error {
		p, err := notebook.ParseParameter(s)
		values = append(values, p)
		return err
	})
	rest, err := parse(f, args, 1)
	if err != nil {
		return err
	}
	cfg := render.Config{Notebook: rest[0], HTML: *html, Executed: *executed, Light: *light, Timeout: *timeout, Parameters: values, Terminal: os.Stderr}
	if *verbose {
		cfg.Log = os.Stderr
	}
	if err := render.Check(cfg); err != nil {
		return err // before minutes of building
	}
	if err := kernelOf(ctx, &cfg); err != nil {
		return err
	}
	return render.Run(ctx, cfg)
}

// kernelOf builds what cells need and says how the kernel is started.
func kernelOf(ctx context.Context, cfg *render.Config) error {
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
	cfg.Kernel = []string{self, "kernel", "-no-gopls", "{connection_file}"}
	cfg.Env = []string{toolchain.SourceEnv + "=" + tools.Source.Dir}
	cfg.Source = tools.Source.Dir
	return nil
}
