//go:build !golens_cell

package model

import (
	"context"
	"errors"
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

// WorkOptions are how a worker works.
type WorkOptions struct {
	Cluster string // as in [ClusterEnv]
	Model   string
	// Processing of its weights, as [ReadProcessing] reads it.
	Processing string
	Silence    time.Duration // after which another worker gets its work; 0 means 30 s
	Log        func(format string, args ...any)
}

// keptJobs are jobs whose base run a worker keeps, for pieces to come.
const keptJobs = 2

// Work opens a model and works for a cluster until the context ends: it takes work for
// these weights, this processing and this version of golens, and no other.
func Work(ctx context.Context, o WorkOptions) error {
	r, err := OpenLocal(ctx, o.Model)
	if err != nil {
		return fmt.Errorf("open %s: %w", o.Model, err)
	}
	p, err := ReadProcessing(o.Processing, r.Info().Config)
	if err != nil {
		return err
	}
	if r, err = r.Process(ctx, p); err != nil {
		return err
	}
	q, err := queue.Open(ctx, o.Cluster)
	if err != nil {
		return err
	}
	defer q.Close()
	i := r.Info()
	host, _ := os.Hostname()
	w := &worker{Runner: r}
	name := fmt.Sprintf("%s-%d-%s", keyText(host), os.Getpid(), strconv.FormatInt(time.Now().UnixNano()%(36*36*36*36), 36))
	o.Log("worker %s of cluster %s: %s, weights %.12s, %s, %s, golens %s", name, q, i.Name, i.Weights, i.Processing, i.Backend, i.Version)
	if o.Silence == 0 {
		o.Silence = 30 * time.Second
	}
	err = q.Work(ctx, queue.Worker{Name: name, Kind: kindOf(i), Model: i.Name, Backend: i.Backend, Host: host, Do: w.do,
		Ahead: 2, Silence: o.Silence, Tries: 3, Log: o.Log}) // 2: the next is under way while one is stored
	w.close()
	return errors.Join(err, r.Close())
}

// keyText is a text as it may stand in a key of NATS.
func keyText(s string) string {
	out := []byte(s)
	for i, b := range out {
		if !(b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-') {
			out[i] = '-'
		}
	}
	return string(out)
}

// worker does pieces on a model.
type worker struct {
	Runner
	mu   sync.Mutex
	kept []*keptJob // the last one used stands first
}

// keptJob is a job of which pieces are done.
type keptJob struct {
	key   string
	ready chan struct{}
	deal  *Deal
	err   error
	users int
	gone  bool
}

// do does a piece.
func (w *worker) do(ctx context.Context, m queue.Message, ask func() ([]byte, error)) ([]byte, error) {
	j := w.job(m, ask)
	defer w.leave(j)
	select {
	case <-j.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if j.err != nil {
		return nil, j.err
	}
	return j.deal.Do(WithProgress(ctx, func(int, int) {}), m.From, m.Until)
}

// job is the job of a message, opened if it is not kept.
func (w *worker) job(m queue.Message, ask func() ([]byte, error)) *keptJob {
	key := m.Verb + " " + m.Job + " " + m.Cut
	w.mu.Lock()
	defer w.mu.Unlock()
	if i := slices.IndexFunc(w.kept, func(j *keptJob) bool { return j.key == key }); i >= 0 {
		j := w.kept[i]
		w.kept = slices.Insert(slices.Delete(w.kept, i, i+1), 0, j)
		j.users++
		return j
	}
	j := &keptJob{key: key, ready: make(chan struct{}), users: 1}
	w.kept = slices.Insert(w.kept, 0, j)
	for len(w.kept) > keptJobs {
		w.drop(len(w.kept) - 1)
	}
	go func() {
		defer close(j.ready)
		if j.deal, j.err = w.open(m, ask); j.err != nil {
			w.mu.Lock()
			defer w.mu.Unlock()
			if i := slices.Index(w.kept, j); i >= 0 {
				w.drop(i)
			}
		}
	}()
	return j
}

func (w *worker) open(m queue.Message, ask func() ([]byte, error)) (d *Deal, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error: %v", p)
		}
	}()
	cut, err := readCut(m.Cut)
	if err != nil {
		return nil, err
	}
	data, err := ask()
	if err != nil {
		return nil, err
	}
	q, hash, err := readAskContent(m.Verb, data)
	if err != nil {
		return nil, err
	}
	if hash != m.Job {
		return nil, fmt.Errorf("what lies at the server as %.12s is %.12s", m.Job, hash)
	}
	d, err = NewDeal(w.Runner, q, cut)
	if err == nil && d == nil {
		err = fmt.Errorf("%s is not dealt", m.Verb)
	}
	return d, err
}

// readAskContent reads what askContent gives.
func readAskContent(verb string, data []byte) (Ask, string, error) {
	head, tensors, err := wire.ReadBytes(data)
	if err != nil {
		return nil, "", err
	}
	return ReadAsk(verb, head, func(n content.Name) []float32 { return tensors[n] })
}

// drop forgets a job, once nobody is at it.
func (w *worker) drop(i int) {
	j := w.kept[i]
	w.kept = slices.Delete(w.kept, i, i+1)
	j.gone = true
	j.tryClose()
}

func (w *worker) leave(j *keptJob) {
	w.mu.Lock()
	defer w.mu.Unlock()
	j.users--
	j.tryClose()
}

func (j *keptJob) tryClose() {
	if j.gone && j.users == 0 {
		go func() {
			if <-j.ready; j.deal != nil {
				j.deal.Close()
			}
		}()
	}
}

func (w *worker) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.kept) > 0 {
		w.drop(0)
	}
}
