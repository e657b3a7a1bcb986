package model

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/golens/golens/model/config"
)

// ClusterEnv names the environment variable with the cluster that sweeps and tallies
// are dealt to: the file that `golens cluster` has written, or the address of a NATS
// server, nats://HOST:PORT or tls://HOST:PORT, with the options ?creds=, ca=, cert=,
// key= and token=, all files. Models stay as they are: what is asked, and the answers,
// are the same.
const ClusterEnv = "GOLENS_CLUSTER"

type clusterKey struct{}

// WithCluster is a context under which [OpenContext] opens models whose sweeps and
// tallies are dealt to a cluster, named as in [ClusterEnv]; "" is none, whatever the
// environment says.
func WithCluster(ctx context.Context, where string) context.Context {
	return context.WithValue(ctx, clusterKey{}, where)
}

// A Share is what a worker of a cluster did of an answer.
type Share struct {
	Worker  string
	Backend string // its engine
	Pieces  int
}

// ClusterStatus is how a cluster is.
type ClusterStatus struct {
	Server  string
	Workers []ClusterWorker
	Jobs    []ClusterJob
	At      int64 // when it was asked, in seconds of Unix time
}

// A ClusterWorker is a worker that is there.
type ClusterWorker struct {
	Name, Host, Model, Weights, Processing, Backend, Version string
	Up                                                       time.Duration
	Done                                                     int     // pieces
	Rate                                                     float64 // FLOP per second while it works
}

// A ClusterJob is what is asked for and not done.
type ClusterJob struct {
	Model, From    string
	Hash           string // of what is asked
	Age            time.Duration
	Pieces, Queued int
	Workers        int           // that can do it
	Left           time.Duration // at the rate of its workers; 0 if that is not known
}

// String is a table of workers and one of jobs.
func (s ClusterStatus) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "cluster %s: %d workers, %d jobs\n", s.Server, len(s.Workers), len(s.Jobs))
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	if len(s.Workers) > 0 {
		fmt.Fprintln(w, "worker\tmodel\tweights\tprocessing\tbackend\tgolens\tup\tpieces\tGFLOP/s")
	}
	for _, k := range s.Workers {
		fmt.Fprintf(w, "%s\t%s\t%.12s\t%s\t%s\t%s\t%s\t%d\t%.3g\n", k.Name, k.Model, k.Weights, k.Processing, k.Backend, k.Version, k.Up.Round(time.Second), k.Done, k.Rate/1e9)
	}
	_ = w.Flush() // a strings.Builder takes everything
	if len(s.Jobs) > 0 {
		fmt.Fprintln(w, "job\tmodel\tfrom\tpieces\tqueued\tworkers\tleft")
	}
	for _, j := range s.Jobs {
		left := "not known"
		if j.Left > 0 {
			left = j.Left.Round(time.Second).String()
		}
		fmt.Fprintf(w, "%.12s\t%s\t%s\t%d\t%d\t%d\t%s\n", j.Hash, j.Model, j.From, j.Pieces, j.Queued, j.Workers, left)
	}
	_ = w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

// clusterStatus asks how the cluster is.
type clusterStatus struct{ At int64 } // nanoseconds: at another time it is another ask

func init() { asks[clusterStatus, *ClusterStatus]() }

// Verb implements [Ask].
func (clusterStatus) Verb() string { return "cluster status" }

func (clusterStatus) check(config.Config) error { return nil }

// Cluster says how the cluster is to which the model's work is dealt.
func (m *Model) Cluster() (*ClusterStatus, error) {
	return do[*ClusterStatus](context.Background(), m, clusterStatus{time.Now().UnixNano()})
}
