// Command golens-cluster is the server of a cluster. It is built and started by the
// golens command; see package kernel/cluster. It is the only program here that links a
// NATS server.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/golens/golens/kernel/cluster"
)

func main() {
	log.SetFlags(log.LstdFlags)
	log.SetPrefix("golens cluster: ")
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "golens: %v\n", err)
		os.Exit(1)
	}
}

// run runs a server until the context ends.
func run(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("cluster", flag.ContinueOnError)
	folder := f.String("folder", "", "")
	listen := f.String("listen", "", "")
	names := f.String("name", "", "")
	plain := f.Bool("plain", false, "")
	most := f.Int64("most", 0, "")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *most < 0 {
		return errors.New("cluster: -most: a number of gigabytes above 0")
	}
	o := cluster.Options{Folder: *folder, Listen: *listen, Plain: *plain, Most: *most << 30, Log: log.Printf}
	if *names != "" {
		o.Names = strings.Split(*names, ",")
	}
	if o.Folder == "" {
		state := os.Getenv("XDG_STATE_HOME")
		if state == "" {
			home, err := os.UserHomeDir()
			if err != nil {
				return fmt.Errorf("cluster: no folder to keep work in; give -folder: %w", err)
			}
			state = filepath.Join(home, ".local", "state")
		}
		o.Folder = filepath.Join(state, "golens", "cluster")
	}
	s, err := cluster.Start(o)
	if err != nil {
		return err
	}
	log.Printf("listens on %s; join by GOLENS_CLUSTER=%s", s.Address, s.Join)
	<-ctx.Done()
	log.Print("ends; its folder stays")
	return s.Close()
}
