// Command golens is a circuits workbench's front: it runs notebooks, and is
// the Jupyter kernel that runs their cells.
//
//	golens render NOTEBOOK    run a notebook and write it as one HTML file
//	golens install            make the kernel known to Jupyter
//	golens get MODEL          bring a model of the Hugging Face Hub
//	golens get xla-cpu        bring a faster engine
//
// Run it without arguments for the rest.
//
// The exit status is 0 if all went well, 1 if what was asked for failed, 2 if the
// command was called wrongly, and 130 if it was interrupted.
//
// It links neither cgo nor the graph
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
		{"site", "FOLDER", "render all notebooks of a folder, with an index and a search", siteCommand},
		{"install", "", "make the kernel known to Jupyter", installCommand},
		{"uninstall", "", "make Jupyter forget it", uninstallCommand},
		{"get", "MODEL|xla-cpu", "bring a model of the Hugging Face Hub, or a faster engine", getCommand},
		{"info", "MODEL", "say what a model's files say, and what memory it takes", infoCommand},
		{"config", "[FAMILY]", "say what is read from a config.json", configCommand},
		{"verify", "MODEL", "hold a model's numbers against an oracle", verifyCommand},
		{"bench", "ioi", "say what a whole analysis costs on this machine", benchCommand},
		{"cluster", "[status]", "run the server of a cluster, or say how one is", clusterCommand},
		{"worker", "MODEL", "do the work that a cluster deals", workerCommand},
		{"kernel", "FILE", "run a kernel (Jupyter does this)", kernelCommand},
		{"host", "", "run a model host (a kernel does this)", hostCommand},
		{"version", "", "say which golens this is", versionCommand},
	}
}

// errUsage is wrapped by the errors of a command that was called wrongly. By
// itself it means that what was wrong has been said.
var errUsage = errors.New("usage")

// misuse is an error of a command that was called wrongly.
type misuse struct{ error }

// Is implements the interface of errors.Is.
func (misuse) Is(target error) bool { return target == errUsage }

// Unwrap returns the reason.
func (m misuse) Unwrap() error { return m.error }

// wrong makes an error of a command that was called wrongly.
func wrong(format string, args ...any) error { return misuse{fmt.Errorf(format, args...)} }

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
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "golens: interrupted")
		os.Exit(130) // what a shell reports for an interrupt
	default:
		if err != errUsage {
			fmt.Fprintf(os.Stderr, "golens: %v\n", err)
		}
		if errors.Is(err, errUsage) {
			os.Exit(2)
		}
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
		if len(args) == 1 {
			help(os.Stdout)
			return nil
		}
		args = []string{args[1], "-h"}
	case "-version", "--version":
		args[0] = "version"
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
	fmt.Fprint(w, "\n`golens help COMMAND` says more. The exit status is 0 if all went well, 1 if what was\nasked for failed, 2 if the command was called wrongly, 130 if it was interrupted.\n")
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
			return nil, wrong("%s: %w; `golens help %s` lists the flags", f.Name(), err, f.Name())
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
