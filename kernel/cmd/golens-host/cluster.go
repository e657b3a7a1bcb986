package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/golens/golens/model"
)

// clusterPart is a worker of a cluster, or says how the cluster is.
func clusterPart(out io.Writer, args []string) error {
	f := flag.NewFlagSet(args[0], flag.ContinueOnError)
	name := f.String("model", "", "")
	processing := f.String("processing", "", "")
	silence := f.Duration("silence", 0, "")
	where := f.String("cluster", os.Getenv(model.ClusterEnv), "")
	if err := f.Parse(args[1:]); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if args[0] == "cluster" {
		s, err := model.ReadClusterStatus(ctx, *where)
		if err == nil {
			_, err = fmt.Fprintln(out, s)
		}
		return err
	}
	return model.Work(ctx, model.WorkOptions{Cluster: *where, Model: *name, Processing: *processing, Silence: *silence, Log: log.Printf})
}
