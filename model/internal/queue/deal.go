package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/golens/golens/model/internal/content"
)

// A Job is what is dealt.
type Job struct {
	Kind
	Model  string
	Ask    []byte    // content of what is asked
	Pieces []Message // of one job
	// Patience is how long to wait while no worker that could do it is there, or the
	// server is away.
	Patience time.Duration
}

// A Result is what a piece gave.
type Result struct {
	Worker  string // its name
	Backend string // its engine
	Data    []byte
}

// jobRecord tells workers and status of a job.
type jobRecord struct {
	Kind
	Model, From string
	Pieces      int
	FLOPs       int64
	Begun       time.Time
}

// note is told when a piece is done or has failed.
type note struct {
	Name   string
	Failed bool
}

// A failure is where a piece failed.
type failure struct {
	Tries    []try
	Returned int // times that a worker gave it back as it ended in order
	Final    bool
}

type try struct{ Worker, Error string }

func (f failure) String() string {
	var s []string
	for _, t := range f.Tries {
		s = append(s, t.Worker+": "+t.Error)
	}
	return strings.Join(s, "; ")
}

// pace is how often a client looks for what it was not told.
const pace = 3 * time.Second

// fetches are results that are fetched side by side.
const fetches = 16

// dealing is a job under way.
type dealing struct {
	*Queue
	Job
	prefix  string         // of the subjects of its messages
	index   map[string]int // of pieces by name
	missing map[int]bool
	asked   map[int]bool // that are being fetched
	arrived chan arrival
	begun   bool      // all that nobody had done is queued
	lonely  time.Time // since when nobody is there to do it
}

type arrival struct {
	i   int
	r   *Result // nil: it is not there
	err error
}

// Deal has workers do the pieces of a job, and calls got with what each gave, in the
// order in which they come. What anybody has done before is not done again. When the
// context ends, or a piece has failed for good, what is queued is taken back.
func (q *Queue) Deal(ctx context.Context, job Job, got func(i int, r *Result) error) (err error) {
	first := job.Pieces[0]
	d := &dealing{Queue: q, Job: job, prefix: workPrefix + job.Kind.Name() + "." + first.Job + ".", index: map[string]int{}, missing: map[int]bool{},
		asked: map[int]bool{}, arrived: make(chan arrival, len(job.Pieces)), lonely: time.Now()}
	for i, m := range job.Pieces {
		d.index[m.Name(job.Kind)] = i
		d.missing[i] = true
	}
	notes := make(chan *nats.Msg, 4096) // those that do not fit are looked for
	sub, err := q.conn.ChanSubscribe(donePrefix+first.Job, notes)
	if err != nil {
		return d.failed(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer func() {
		if err != nil {
			d.takeBack()
		}
	}()
	if err := d.look(ctx); err != nil {
		return err
	}
	look := time.NewTicker(pace)
	defer look.Stop()
	for len(d.missing) > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case m := <-notes:
			var n note
			if json.Unmarshal(m.Data, &n) != nil {
				continue
			}
			if i, ok := d.index[n.Name]; ok && n.Failed {
				if err := d.failure(ctx, i); err != nil {
					return err
				}
			} else if ok {
				d.fetch(ctx, i)
			}
		case a := <-d.arrived:
			delete(d.asked, a.i)
			if a.err != nil || a.r == nil || !d.missing[a.i] {
				continue // looked for again
			}
			delete(d.missing, a.i)
			d.lonely = time.Now()
			if err := got(a.i, a.r); err != nil {
				return err
			}
		case <-q.again:
			if err := d.look(ctx); err != nil {
				return err
			}
		case <-look.C:
			if err := d.look(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *dealing) failed(err error) error {
	return fmt.Errorf("cluster %s: %w", d.Queue, explain(err))
}

// begin brings what is asked and queues the pieces that nobody has done.
func (d *dealing) begin(ctx context.Context) error {
	key := d.Kind.Name() + "." + d.Pieces[0].Job
	_, err := d.jobs.Get(ctx, key)
	known := !errors.Is(err, jetstream.ErrKeyNotFound) // else somebody may have asked for it: there may be results
	if err := d.bring(ctx); err != nil {
		return err
	}
	host, _ := os.Hostname()
	record := jobRecord{Kind: d.Kind, Model: d.Model, From: host, Pieces: len(d.Pieces), Begun: time.Now()}
	for _, m := range d.Pieces {
		record.FLOPs += m.FLOPs
	}
	if err := keep(ctx, d.jobs, key, record); err != nil {
		return err
	}
	var todo []int
	for i := range d.Pieces {
		todo = append(todo, i)
	}
	if known {
		if todo, err = d.absent(ctx, todo); err != nil {
			return err
		}
		for _, i := range todo { // an error of an earlier time is no error now
			_ = d.failures.Delete(ctx, d.Pieces[i].Name(d.Kind))
		}
	}
	return d.publish(ctx, todo)
}

// bring stores what is asked, unless it is there: a server that is killed may lose what it
// has taken a moment before.
func (d *dealing) bring(ctx context.Context) error {
	there, err := d.has(ctx, d.asks, d.Pieces[0].Job)
	if err != nil || there {
		return err
	}
	if err := d.put(ctx, d.asks, d.Pieces[0].Job, d.Ask); err != nil {
		return fmt.Errorf("what is asked (%.1f MB) cannot be stored: %w", float64(len(d.Ask))/1e6, err)
	}
	return nil
}

// absent fetches the results of pieces, side by side, and gives those that have none.
func (d *dealing) absent(ctx context.Context, pieces []int) (none []int, err error) {
	type found struct {
		i     int
		there bool
		err   error
	}
	all := make(chan found)
	lanes := make(chan struct{}, fetches)
	go func() {
		for _, i := range pieces {
			lanes <- struct{}{}
			go func() {
				there, err := d.has(ctx, d.results, d.Pieces[i].Name(d.Kind))
				<-lanes
				all <- found{i, there, err}
			}()
		}
	}()
	for range pieces {
		f := <-all
		switch {
		case f.err != nil:
			err = f.err
		case f.there:
			d.fetch(ctx, f.i)
		default:
			none = append(none, f.i)
		}
	}
	sort.Ints(none)
	return none, err
}

// fetch fetches a result in the background.
func (d *dealing) fetch(ctx context.Context, i int) {
	if d.asked[i] || !d.missing[i] {
		return
	}
	d.asked[i] = true
	go func() {
		r, err := d.result(ctx, d.Pieces[i].Name(d.Kind))
		d.arrived <- arrival{i, r, err}
	}()
}

// result is what a piece gave, nil if that is not there.
func (q *Queue) result(ctx context.Context, name string) (*Result, error) {
	data, err := q.get(ctx, q.results, name)
	if err != nil || data == nil {
		return nil, err
	}
	r := &Result{}
	if err := content.Decode(data, r, nil); err != nil {
		_ = q.results.Delete(ctx, name) // so that it is computed again
		return nil, nil
	}
	return r, nil
}

// errStore is the server's code for a message that it does not store.
const errStore jetstream.ErrorCode = 10077

// publish queues pieces, of which some may be queued.
func (d *dealing) publish(ctx context.Context, pieces []int) error {
	ctx, cancel := context.WithTimeout(ctx, operation+time.Duration(len(pieces))*10*time.Millisecond)
	defer cancel()
	var futures []jetstream.PubAckFuture
	for _, i := range pieces {
		data, err := json.Marshal(d.Pieces[i])
		if err != nil {
			return err
		}
		f, err := d.js.PublishAsync(d.prefix+d.Pieces[i].Name(d.Kind), data, jetstream.WithStallWait(operation))
		if err != nil {
			return err
		}
		futures = append(futures, f)
	}
	for _, f := range futures {
		select {
		case <-f.Ok():
		case err := <-f.Err():
			var api *jetstream.APIError
			if !errors.As(err, &api) || api.ErrorCode != errStore || api.Description != "maximum messages per subject exceeded" {
				return fmt.Errorf("work cannot be queued: %w", err)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// look finds what the client was not told: results that came while it was cut off,
// pieces that are gone from the queue, and whether anybody is there to do them.
// While the server is away there is nothing to see.
func (d *dealing) look(ctx context.Context) error {
	if !d.conn.IsConnected() {
		return d.wait("the server has been away for %s", nil)
	}
	if !d.begun {
		err := d.begin(ctx)
		var api *jetstream.APIError
		if errors.As(err, &api) && api.Code < 500 { // it will not go away by itself
			return d.failed(err)
		}
		if d.begun = err == nil; !d.begun {
			return d.wait("for %s: %w", explain(err))
		}
	} else if err := d.bring(ctx); err != nil {
		return d.wait("for %s: %w", explain(err))
	}
	inner, cancel := context.WithTimeout(ctx, operation)
	defer cancel()
	queued, err := d.queued(inner, d.prefix+"*")
	if err != nil {
		return d.wait("the server has not answered for %s: %w", explain(err))
	}
	var lost []int
	for i := range d.missing {
		if queued[d.prefix+d.Pieces[i].Name(d.Kind)] == 0 && !d.asked[i] {
			lost = append(lost, i)
		}
	}
	if lost, err = d.absent(ctx, lost); err != nil {
		return d.wait("the server has not answered for %s: %w", explain(err))
	}
	for _, i := range lost {
		if err := d.failure(ctx, i); err != nil {
			return err
		}
	}
	if err := d.publish(ctx, lost); err != nil {
		return d.wait("for %s: %w", explain(err))
	}
	lives, err := values[Life](inner, d.workers)
	if err != nil {
		return d.wait("the server has not answered for %s: %w", explain(err))
	}
	for _, l := range lives {
		if l.Kind == d.Kind {
			d.lonely = time.Now()
			return nil
		}
	}
	return d.wait("no worker has been there for %s that can do this: %w", d.nobody(lives))
}

// wait is an error once there was no progress for as long as the caller has patience.
func (d *dealing) wait(format string, err error) error {
	since := time.Since(d.lonely)
	if since < d.Patience {
		return nil
	}
	args := []any{since.Round(time.Second)}
	if err != nil {
		args = append(args, err)
	}
	return d.failed(fmt.Errorf(format, args...))
}

// nobody says why no worker does a job.
func (d *dealing) nobody(lives map[string]Life) error {
	if len(lives) == 0 {
		return fmt.Errorf("there are no workers at all; start some with `golens worker %s`", d.Model)
	}
	var why []string
	for _, l := range lives {
		why = append(why, fmt.Sprintf("worker %s has %s", l.Worker, l.Kind.other(d.Kind, l.Model, d.Model)))
	}
	sort.Strings(why)
	return errors.New(strings.Join(why, "; "))
}

// other says what a kind has that another does not want.
func (k Kind) other(want Kind, model, wants string) string {
	var s []string
	if k.Weights != want.Weights {
		s = append(s, fmt.Sprintf("other weights (%s, %.12s; wanted are %s, %.12s)", model, k.Weights, wants, want.Weights))
	}
	if k.Processing != want.Processing {
		s = append(s, fmt.Sprintf("another processing (%s; wanted is %s)", k.Processing, want.Processing))
	}
	if k.Version != want.Version {
		s = append(s, fmt.Sprintf("another version of golens (%s; wanted is %s)", k.Version, want.Version))
	}
	return strings.Join(s, ", ")
}

// failure is an error if a piece has failed for good.
func (d *dealing) failure(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, operation)
	defer cancel()
	e, err := d.failures.Get(ctx, d.Pieces[i].Name(d.Kind))
	if err != nil {
		return nil // none, or looked for again
	}
	var f failure
	if json.Unmarshal(e.Value(), &f) != nil || !f.Final {
		return nil
	}
	return d.failed(fmt.Errorf("%s: %s failed for good: %s", d.Pieces[i].Verb, d.Pieces[i].Of, f))
}

// takeBack takes what is queued back, and tells who works on it. Another client that
// waits for the same queues it again.
func (d *dealing) takeBack() {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second) // who has ended waits no longer
	defer cancel()
	_ = d.work.Purge(ctx, jetstream.WithPurgeSubject(d.prefix+">"))
	_ = d.conn.Publish(stopPrefix+d.Pieces[0].Job, nil)
	_ = d.conn.FlushWithContext(ctx)
}
