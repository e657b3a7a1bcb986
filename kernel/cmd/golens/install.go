package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"

	"github.com/golens/golens/kernel/kernelspec"
	"github.com/golens/golens/kernel/toolchain"
)

// place reads the flags that say where Jupyter's kernels are kept.
func place(f *flag.FlagSet) func() (kernelspec.Place, error) {
	user := f.Bool("user", false, "for this user (the default)")
	prefix := f.String("prefix", "", "below this `folder`, such as a virtual environment's")
	system := f.Bool("system", false, "for all users of this machine")
	return func() (kernelspec.Place, error) {
		switch {
		case *user && *system, *prefix != "" && (*user || *system):
			return kernelspec.Place{}, wrong("%s: give one of -user, -prefix and -system", f.Name())
		case *prefix != "":
			return kernelspec.Prefix(*prefix), nil
		case *system:
			return kernelspec.System(), nil
		}
		return kernelspec.User()
	}
}

func installCommand(ctx context.Context, args []string) error {
	f := flags("install", `usage: golens install [-user | -prefix FOLDER | -system] [-cluster]

Makes the kernel "golens (Go)" known to Jupyter and builds all that it needs, so
that the first cell starts at once.

-system needs root: it copies golens and its sources to `+toolchain.Shared+`,
where no user can change what the others run, and every user's first kernel
builds what it needs.`)
	where := place(f)
	cluster := f.Bool("cluster", false, "build the server of golens cluster, too, for images and machines without a network")
	later := f.Bool("no-build", false, "do not build now, but when the kernel first starts")
	if _, err := parse(f, args, 0); err != nil {
		return err
	}
	at, err := where()
	if err != nil {
		return err
	}
	tools, err := toolchain.Find(ctx)
	if err != nil {
		return err
	}
	program, source := "", tools.Source.Dir
	if at == kernelspec.System() {
		if err = toolchain.RootsAlone(at.Dir()); err == nil {
			program, source, err = tools.Share(toolchain.Shared)
		}
	} else {
		program, err = tools.Keep()
	}
	if err != nil {
		return err
	}
	// What all users share each of them builds in a cache of its own.
	if !*later && at != kernelspec.System() {
		needs := toolchain.All
		if *cluster {
			needs = append(slices.Clone(needs), toolchain.Cluster)
		}
		if err := tools.Build(ctx, say, needs...); err != nil {
			return err
		}
	}
	dir, err := at.Install(kernelspec.Spec(program, source))
	if err != nil {
		return err
	}
	fmt.Printf("installed in %s\n", dir)
	return nil
}

func uninstallCommand(_ context.Context, args []string) error {
	f := flags("uninstall", `usage: golens uninstall [-user | -prefix FOLDER | -system]

Makes Jupyter forget the kernel.`)
	where := place(f)
	if _, err := parse(f, args, 0); err != nil {
		return err
	}
	at, err := where()
	if err != nil {
		return err
	}
	dir, err := at.Uninstall()
	if err == nil && at == kernelspec.System() {
		err = os.RemoveAll(toolchain.Shared)
	}
	if err != nil {
		return err
	}
	fmt.Printf("removed %s\n", dir)
	return nil
}
