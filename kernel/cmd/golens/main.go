// Command golens is a circuits workbench's front: it runs notebooks, and is
// the Jupyter kernel that runs their cells.
//
//	golens render NOTEBOOK    run a notebook and write it as one HTML file
//	golens install            make the kernel known to Jupyter
//	golens get MODEL          bring a model of the Hugging Face Hub
//	golens get xla-cpu        bring a faster engine
//
// Run it without arguments for the rest. It links neither cgo nor the graph
// library: those are in golens-host, which it builds and starts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/golens/golens/kernel/shim"
)

// command is one of golens' verbs.
type command struct {
	name, args, what string
	run              func(ctx context.Context, args []string) error
}

// commands in the order in which help lists them.
func commands() []command {
	return []command{
		{"render", "NOTEBOOK", "run a notebook and write it as one HTML file", renderCommand},
		{"install", "", "make the kernel known to Jupyter", installCommand},
		{"uninstall", "", "make Jupyter forget it", uninstallCommand},
		{"get", "MODEL|xla-cpu", "bring a model of the Hugging Face Hub, or a faster engine", getCommand},
		{"info", "MODEL", "say what a model's files say, and what memory it takes", infoCommand},
		{"config", "[FAMILY]", "say what is read from a config.json", configCommand},
		{"verify", "MODEL", "hold a model's numbers against an oracle", verifyCommand},
		{"bench", "ioi", "say what a whole analysis costs on this machine", benchCommand},
		{"kernel", "FILE", "run a kernel (Jupyter does this)", kernelCommand},
		{"host", "", "run a model host (a kernel does this)", hostCommand},
		{"version", "", "say which golens this is", versionCommand},
	}
}

// errUsage: what was wrong has been said.
var errUsage = errors.New("usage")

func main() {
	if shim.Is(os.Args[0]) {
		os.Exit(shim.Main(os.Args))
	}
	// A second signal ends the program at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() { <-ctx.Done(); stop() }()
	switch err := run(ctx, os.Args[1:]); {
	case err == nil:
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "golens: interrupted")
		os.Exit(130) // what a shell reports for an interrupt
	default:
		fmt.Fprintf(os.Stderr, "golens: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		help(os.Stderr)
		return errUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		help(os.Stdout)
		return nil
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(ctx, args[1:])
		}
	}
	fmt.Fprintf(os.Stderr, "golens: there is no command %q\n\n", args[0])
	help(os.Stderr)
	return errUsage
}

func help(w io.Writer) {
	fmt.Fprint(w, "golens looks into transformers, in Go notebooks.\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  golens %-19s %s\n", strings.TrimSpace(c.name+" "+c.args), c.what)
	}
	fmt.Fprint(w, "\n`golens COMMAND -h` says more.\n")
}

// flags makes a command's flag set; parse it with its parse method.
func flags(name, usage string) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(os.Stdout)
	f.Usage = func() {
		fmt.Fprintf(f.Output(), "%s\n", usage)
		first := true
		f.VisitAll(func(*flag.Flag) {
			if first {
				fmt.Fprintln(f.Output())
			}
			first = false
		})
		f.PrintDefaults()
	}
	return f
}

// parse reads flags that may stand before and after the arguments, of which
// there must be exactly want, and returns the arguments.
func parse(f *flag.FlagSet, args []string, want int) ([]string, error) {
	f.SetOutput(io.Discard)
	usage := f.Usage
	f.Usage = func() {}
	var rest []string
	for {
		err := f.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			f.SetOutput(os.Stdout)
			usage()
			return nil, err
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		if f.NArg() == 0 {
			break
		}
		rest, args = append(rest, f.Arg(0)), f.Args()[1:]
	}
	if len(rest) != want {
		f.SetOutput(os.Stderr)
		usage()
		return nil, errUsage
	}
	return rest, nil
}
