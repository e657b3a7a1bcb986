package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/golens/golens/model/hub"
)

// engine is what golens-host gets; any other name is a model's.
const engine = "xla-cpu"

func getCommand(ctx context.Context, args []string) error {
	f := flags("get", `usage: golens get MODEL[/FILE.gguf][@REVISION]
       golens get [-unverified] xla-cpu

Brings a model of the Hugging Face Hub, such as gpt2 or
EleutherAI/pythia-70m@step3000, into the Hugging Face cache, which Python shares,
and prints its folder. What is there already is not downloaded again; a download
that was cut goes on where it stopped. HF_TOKEN opens gated models, HF_HOME moves
the cache.

xla-cpu is the XLA plugin for CPUs, which makes models several times as fast as
the engine that is built in. It is native code: the one that golens was tested
on is installed in your home, if its hash is right.`)
	unverified := f.Bool("unverified", false, "get GoMLX's own build of xla-cpu, of which no hash is known")
	rest, err := parse(f, args, 1)
	if err != nil {
		return err
	}
	if rest[0] == engine {
		args := []string{"get", engine}
		if *unverified {
			args = []string{"get", "-unverified", engine}
		}
		return becomeHost(ctx, args)
	}
	ref, err := hub.Parse(rest[0])
	if err != nil {
		return wrong("get: %w", err)
	}
	bar := &bar{out: os.Stderr, live: isTerminal(os.Stderr)}
	dir, err := hub.Get(ctx, ref, hub.Config{Update: true, Progress: bar.draw})
	bar.end()
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, hub.ErrOffline):
		return fmt.Errorf("get: %w: unset it, where there is one", err)
	case err != nil:
		return fmt.Errorf("get: %w", err)
	}
	commit := filepath.Base(dir)
	if ref.File != "" {
		commit = filepath.Base(filepath.Dir(dir))
	}
	fmt.Printf("%s, commit %.12s, is in %s\n", ref, commit, dir)
	return nil
}

// bar is a progress bar that is drawn over itself. Where there is no terminal,
// nothing is drawn.
type bar struct {
	out   *os.File
	live  bool
	drawn bool
}

func (b *bar) draw(p hub.Progress) {
	if !b.live {
		return
	}
	const cells = 24
	full := int(cells * p.Done / max(1, p.Total))
	// \x1b[K clears what a longer line has left.
	fmt.Fprintf(b.out, "\r[%s%s] %s\x1b[K", strings.Repeat("#", full), strings.Repeat(".", cells-full), p)
	b.drawn = true
}

// end leaves the bar's last state above what comes next.
func (b *bar) end() {
	if b.drawn {
		fmt.Fprintln(b.out)
	}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && f.Name() != os.DevNull && os.Getenv("TERM") != "dumb"
}
