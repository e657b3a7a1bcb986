//go:build !golens_cell

package model

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/golens/golens/model/internal/content"
	"github.com/golens/golens/model/internal/queue"
	"github.com/golens/golens/model/internal/wire"
)

func init() {
	executes("cluster status", func(*local, context.Context, clusterStatus, string) (*ClusterStatus, error) {
		return nil, fmt.Errorf("the model's work is dealt to no cluster; %s names one", ClusterEnv)
	})
}

// Sizes of what is dealt.
const (
	pieceFLOPs = 1e11    // of a piece: about two seconds of a few processors
	mostPieces = 1 << 12 // of an ask; beyond it pieces are larger
	// lonely is how long an ask waits while no worker is there that could do it, or
	// the server is away: as long as a worker takes to start.
	lonely = 2 * time.Minute
)

// clustered is a runner that deals what can be dealt, and does the rest here.
type clustered struct {
	*local
	queue *queue.Queue
	grain int64         // FLOPs of a piece
	wait  time.Duration // without anybody who could do it
}

// clusters are connections, by where they go: each is made once.
var clusters = struct {
	sync.Mutex
	open map[string]*queue.Queue
}{open: map[string]*queue.Queue{}}

// Clustered is the runner of a model of this process whose work is dealt, if the
// context ([WithCluster]) or the environment names a cluster; else it is the runner.
func Clustered(ctx context.Context, r Runner) (Runner, error) {
	where, said := ctx.Value(clusterKey{}).(string)
	if !said {
		where = os.Getenv(ClusterEnv)
	}
	l, ok := r.(*local)
	if !ok || where == "" {
		return r, nil
	}
	clusters.Lock()
	defer clusters.Unlock()
	q := clusters.open[where]
	if q == nil {
		var err error
		if q, err = queue.Open(ctx, where); err != nil {
			return nil, err
		}
		clusters.open[where] = q
	}
	c := &clustered{local: l, queue: q, grain: pieceFLOPs, wait: lonely}
	for name, set := range map[string]func(v string) error{
		"GOLENS_CLUSTER_PIECE": func(v string) error { f, err := strconv.ParseFloat(v, 64); c.grain = int64(f); return err },
		"GOLENS_CLUSTER_WAIT":  func(v string) (err error) { c.wait, err = time.ParseDuration(v); return err },
	} {
		if v := os.Getenv(name); v != "" {
			if err := set(v); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return c, nil
}

// Info implements [Runner].
func (c *clustered) Info() Info {
	i := c.local.Info()
	i.Dealt = true
	return i
}

// Process implements [Runner].
func (c *clustered) Process(ctx context.Context, p Processing) (Runner, error) {
	r, err := c.local.Process(ctx, p)
	if err != nil {
		return nil, err
	}
	return &clustered{r.(*local), c.queue, c.grain, c.wait}, nil
}

// kindOf is what workers must have to do the work of a model.
func kindOf(i Info) queue.Kind {
	return queue.Kind{Weights: i.Weights, Processing: i.Processing.String(), Version: i.Version}
}

// Do implements [Runner].
func (c *clustered) Do(ctx context.Context, ask Ask) (any, error) {
	inner := unhashed(ask)
	switch q := inner.(type) {
	case clusterStatus:
		return c.status(ctx)
	case Explain:
		return c.explainDealt(ctx, q, ask)
	}
	deal, err := NewDeal(c.local, ask, CutOf(c.local))
	if err != nil {
		return nil, err
	}
	if deal == nil {
		return c.local.Do(ctx, ask)
	}
	defer deal.Close()
	pieces := c.pieces(deal, ask)
	if pieces == nil {
		return c.local.Do(ctx, ask)
	}
	data, err := askContent(inner)
	if err != nil {
		return nil, err
	}
	return c.deal(ctx, deal, ask, data, pieces)
}

// deal has workers do the pieces.
func (c *clustered) deal(ctx context.Context, deal *Deal, ask Ask, data []byte, pieces []queue.Message) (any, error) {
	starts, parts := make([]int, len(pieces)), make([][]byte, len(pieces))
	rows := func(m queue.Message) (n int) {
		for _, chunk := range deal.Chunks[m.From:m.Until] {
			n += chunk.Rows
		}
		return n
	}
	total, done := 0, 0
	for i, m := range pieces {
		starts[i] = m.From
		total += rows(m)
	}
	report(ctx, 0, total)
	var by Provenance
	err := c.queue.Deal(ctx, queue.Job{Kind: kindOf(c.info), Model: c.info.Name, Ask: data, Pieces: pieces, Patience: c.wait}, func(i int, r *queue.Result) error {
		parts[i] = r.Data
		by.computedBy(Share{Worker: r.Worker, Backend: r.Backend, Pieces: 1})
		done += rows(pieces[i])
		report(ctx, done, total)
		return nil
	})
	if err != nil {
		return nil, err
	}
	answer, err := deal.Join(starts, parts)
	if p, ok := answer.(interface{ own() *Provenance }); ok && err == nil {
		p.own().Computed = by.Computed
	}
	return answer, err
}

// pieces are the messages of an ask; none for one that is sooner done here.
func (c *clustered) pieces(deal *Deal, ask Ask) (all []queue.Message) {
	var flops int64
	for _, chunk := range deal.Chunks {
		flops += chunk.FLOPs
	}
	if flops < c.grain {
		return nil
	}
	grain := c.grain
	for flops/grain > mostPieces {
		grain *= 4
	}
	job, cut := hashOf(ask), cutText(CutOf(c.local))
	for from := 0; from < len(deal.Chunks); {
		m := queue.Message{Job: job, Verb: ask.Verb(), Cut: cut, From: from, Version: c.info.Version}
		for m.Until = from; m.Until < len(deal.Chunks) && (m.Until == from || m.FLOPs+deal.Chunks[m.Until].FLOPs <= grain); m.Until++ {
			m.FLOPs += deal.Chunks[m.Until].FLOPs
		}
		m.Of = deal.Chunks[from].Of
		if m.Until > from+1 {
			m.Of += " … " + deal.Chunks[m.Until-1].Of
		}
		if len(m.Of) > 300 {
			m.Of = m.Of[:300]
		}
		all = append(all, m)
		from = m.Until
	}
	return all
}

// explainDealt is the plan of a sweep, with what travels.
func (c *clustered) explainDealt(ctx context.Context, e Explain, ask Ask) (any, error) {
	answer, err := c.local.Do(ctx, ask)
	if err != nil {
		return nil, err
	}
	deal, err := NewDeal(c.local, e.Sweep, CutOf(c.local))
	if err != nil {
		return nil, err
	}
	defer deal.Close()
	plan := answer.(*Plan)
	pieces := c.pieces(deal, e.Sweep)
	if plan.Messages = len(pieces); pieces == nil {
		return plan, nil
	}
	data, err := askContent(e.Sweep)
	if err != nil {
		return nil, err
	}
	plan.Bytes = int64(len(data))
	for _, chunk := range deal.Chunks {
		plan.Bytes += chunk.Bytes
	}
	for _, p := range slices.Concat(e.Sweep.Base.Captures, e.Sweep.Base.Grads, e.Sweep.Captures) {
		plan.Bytes += c.captureBytes(e.Sweep, p) * int64(len(e.Sweep.Base.Rows)) // of the base
	}
	return plan, nil
}

// askContent is what [readAskContent] reads: what is asked and its tensors.
func askContent(ask Ask) ([]byte, error) {
	data, tensors, err := content.Encode(ask)
	if err != nil {
		return nil, err
	}
	return wire.Bytes(data, tensors), nil
}

// cutText is a cut as text.
func cutText(c DealCut) string { return fmt.Sprintf("%t/%d", c.Exact, c.Workers) }

// readCut reads it.
func readCut(s string) (c DealCut, err error) {
	if n, err := fmt.Sscanf(s, "%t/%d", &c.Exact, &c.Workers); n != 2 || err != nil || c.Workers < 1 || c.Workers > 1<<12 || cutText(c) != s {
		return c, fmt.Errorf("a cut of %.40q", s)
	}
	return c, nil
}

// status says how the cluster is.
func (c *clustered) status(ctx context.Context) (*ClusterStatus, error) {
	s, err := c.queue.Status(ctx)
	if err != nil {
		return nil, err
	}
	return statusOf(s), nil
}

// ReadClusterStatus asks a cluster how it is, without a model.
func ReadClusterStatus(ctx context.Context, where string) (*ClusterStatus, error) {
	q, err := queue.Open(ctx, where)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	s, err := q.Status(ctx)
	if err != nil {
		return nil, err
	}
	return statusOf(s), nil
}

func statusOf(s *queue.Status) *ClusterStatus {
	out := &ClusterStatus{Server: s.Server, At: time.Now().Unix()}
	for _, l := range s.Workers {
		out.Workers = append(out.Workers, ClusterWorker{Name: l.Worker, Host: l.Host, Model: l.Model, Weights: l.Weights, Processing: l.Processing,
			Backend: l.Backend, Version: l.Version, Up: time.Since(l.Since), Done: l.Done, Rate: l.Rate()})
	}
	for _, j := range s.Jobs {
		out.Jobs = append(out.Jobs, ClusterJob{Model: j.Model, From: j.From, Hash: j.Hash, Age: time.Since(j.Begun), Pieces: j.Pieces, Queued: j.Queued, Workers: j.Workers, Left: j.Left})
	}
	return out
}
