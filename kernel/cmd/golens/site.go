package main

import (
	"context"
	"os"

	"github.com/golens/golens/kernel/render"
)

func siteCommand(ctx context.Context, args []string) error {
	f := flags("site", `usage: golens site [flags] FOLDER -o DIR

Runs every notebook of a folder and writes a site of their reports: a page for
each, with links to its neighbours, and an index with a search. It needs no
server and no network. A notebook that fails is marked, the others are run, and
the exit status is 1.`)
	out := f.String("o", "", "the `folder` of the site, which is made if needed")
	title := f.String("title", "", "title of the index (default: the folder's name)")
	stored := f.Bool("stored", false, "run nothing: show the outputs that the notebooks hold")
	timeout := f.Duration("timeout", 0, "time limit of each cell, such as 10m (default: none)")
	rest, err := parse(f, args, 1)
	if err != nil {
		return err
	}
	if *out == "" {
		return wrong("site: -o says where the site goes")
	}
	site := render.Site{Folder: rest[0], Out: *out, Title: *title, Stored: *stored,
		Each: render.Config{Timeout: *timeout, Terminal: os.Stderr}}
	if err := site.Check(); err != nil {
		return err
	}
	if !*stored {
		if err := kernelOf(ctx, &site.Each); err != nil {
			return err
		}
	}
	return site.Write(ctx)
}
