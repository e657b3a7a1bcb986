package main

import (
	"context"
	"os"

	"github.com/golens/golens/kernel/toolchain"
)

// clusterEnv is the variable that names a cluster; package model reads it.
const clusterEnv = "GOLENS_CLUSTER"

// errNoCluster tells how to name a cluster.
var errNoCluster = wrong("no cluster: set %s, or give -cluster, to the file that `golens cluster` writes or to nats://HOST:PORT", clusterEnv)

func workerCommand(ctx context.Context, args []string) error {
	f := flags("worker", `usage: golens worker [flags] MODEL

Opens a model and does the work that clients deal to a cluster, until it is ended
(SIGTERM or an interrupt: what it is at goes to another worker at once). It takes
work for these weights, this processing and this version of golens and no other,
and says which work it leaves. GOLENS_BACKEND chooses the engine; workers on
different engines may join, and each result says which computed what.`)
	where := f.String("cluster", os.Getenv(clusterEnv), "`file` that golens cluster has written, or address of a NATS server (default: "+clusterEnv+")")
	processing := f.String("processing", "raw", "of the weights: raw, standard, factored, or `names` of fields of model.Processing between commas")
	silence := f.Duration("silence", 0, "after this `time` without a sign of life its work goes to another worker (default 30s)")
	rest, err := parse(f, args, 1)
	if err != nil {
		return err
	}
	if *where == "" {
		return errNoCluster
	}
	// Not as an argument, which others see in the list of processes.
	os.Setenv(clusterEnv, *where)
	return becomeHost(ctx, []string{"worker", "-model=" + rest[0], "-processing=" + *processing, "-silence=" + silence.String()})
}

func clusterCommand(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "status" {
		f := flags("cluster status", `usage: golens cluster status [flags]

Says which workers a cluster has, with their model and rate, what is queued, and
how long it will take. In a cell: m.Cluster().`)
		where := f.String("cluster", os.Getenv(clusterEnv), "`file` that golens cluster has written, or address of a NATS server (default: "+clusterEnv+")")
		if _, err := parse(f, args[1:], 0); err != nil {
			return err
		}
		if *where == "" {
			return errNoCluster
		}
		os.Setenv(clusterEnv, *where)
		return becomeHost(ctx, []string{"cluster"})
	}
	f := flags("cluster", `usage: golens cluster [flags]
       golens cluster status

Runs the server over which sweeps and tallies are dealt to workers: NATS with
JetStream, its work and results in a folder, with TLS and a token of its own. It
writes the file join.json into the folder: clients and workers set `+clusterEnv+`
to it, or to a copy. Whoever has that file may deal, work, and read results.

A lab that has a NATS server needs none of this: set `+clusterEnv+` to its address.`)
	folder := f.String("folder", "", "`folder` of work, results, certificate and token (default: golens/cluster below XDG_STATE_HOME or ~/.local/state)")
	listen := f.String("listen", "127.0.0.1:4222", "`host:port`; 0.0.0.0:4222 is every address of this machine")
	name := f.String("name", "", "`names` by which workers reach it, between commas, the one of the join file first")
	plain := f.Bool("plain", false, "without TLS and token, for this machine alone")
	most := f.Int64("most", 0, "`gigabytes` of work and results (default: three quarters of what the disk has)")
	if _, err := parse(f, args, 0); err != nil {
		return err
	}
	given := []string{"-listen=" + *listen, "-name=" + *name}
	if *folder != "" {
		given = append(given, "-folder="+*folder)
	}
	if *plain {
		given = append(given, "-plain")
	}
	if *most != 0 {
		given = append(given, "-most="+f.Lookup("most").Value.String())
	}
	return become(ctx, toolchain.Cluster, given)
}
