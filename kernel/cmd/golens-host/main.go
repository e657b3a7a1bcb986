// Command golens-host is the model host of a golens kernel. It is built and
// started by the golens command; see package kernel/host. It is the only
// program here that links the graph library.
package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/golens/golens/kernel/host"
	"github.com/golens/golens/model/serve"
)

// gcPercent is how much garbage may lie beside what is live. Weights and
// activations are a few large blocks without pointers, which cost the collector
// nothing to look at, and much memory to leave.
const gcPercent = 25

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if len(os.Args) > 2 && os.Args[1] == "get" {
		if err := get(os.Args[2:]); err != nil {
			fmt.Fprintf(os.Stderr, "golens: get %s: %v\n", os.Args[len(os.Args)-1], err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) > 2 && os.Args[1] == "verify" {
		if err := verifyModel(os.Stdout, os.Args[2:]); err != nil {
			fmt.Fprintf(os.Stderr, "golens: %v\n", err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "config" {
		if err := configKeys(os.Stdout, os.Args[2:]); err != nil {
			fmt.Fprintf(os.Stderr, "golens: %v\n", err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) == 3 && os.Args[1] == "info" {
		if err := info(os.Stdout, os.Args[2]); err != nil {
			fmt.Fprintf(os.Stderr, "golens: %v\n", err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) > 1 && (os.Args[1] == "worker" || os.Args[1] == "cluster") {
		if err := clusterPart(os.Stdout, os.Args[1:]); err != nil {
			fmt.Fprintf(os.Stderr, "golens: %v\n", err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) > 2 && os.Args[1] == "bench" {
		if err := benchAnalysis(os.Stdout, os.Stderr, os.Args[2:]); err != nil {
			fmt.Fprintf(os.Stderr, "golens: %v\n", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(host.Main(serve.New()))
}
