package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/golens/golens/model/internal/content"
)

// A Worker does pieces of its kind.
type Worker struct {
	Name string // unlike any other's
	Kind
	Model, Backend, Host string

	// Do does a piece, of which ask gives what is asked.
	Do func(ctx context.Context, m Message, ask func() ([]byte, error)) ([]byte, error)

	Ahead   int           // pieces under way at a time
	Silence time.Duration // after which a piece is given to another worker
	Tries   int           // workers that a piece may fail on
	Log     func(format string, args ...any)
}

// A Life is what a worker says of itself.
type Life struct {
	Kind
	Worker, Host, Model, Backend string
	Since, Said                  time.Time
	Done                         int
	FLOPs                        int64   // of what is done
	Busy                         float64 // seconds in which they were
	Ahead                        int
}

// working is a worker at work.
type working struct {
	*Queue
	Worker
	mu    sync.Mutex
	life  Life
	jobs  map[string]map[*context.CancelFunc]bool // under way, to be stopped
	since time.Time                               // since when something is under way
	busy  int
}

// Work does pieces until the context ends; those that are under way then are given to
// others at once.
func (q *Queue) Work(ctx context.Context, w Worker) error {
	k := &working{Queue: q, Worker: w, jobs: map[string]map[*context.CancelFunc]bool{}}
	k.life = Life{Kind: w.Kind, Worker: w.Name, Host: w.Host, Model: w.Model, Backend: w.Backend, Since: time.Now(), Ahead: w.Ahead}
	kind := w.Kind.Name()
	inner, cancel := context.WithTimeout(ctx, operation)
	defer cancel()
	consumer, err := q.work.CreateOrUpdateConsumer(inner, jetstream.ConsumerConfig{Durable: "golens-" + kind, FilterSubject: workPrefix + kind + ".>",
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: w.Silence, MaxDeliver: -1, MaxAckPending: 1 << 16, InactiveThreshold: workAge})
	if err != nil {
		return fmt.Errorf("cluster %s: %w", q, explain(err))
	}
	stops, err := q.conn.Subscribe(stopPrefix+"*", func(m *nats.Msg) { k.stop(strings.TrimPrefix(m.Subject, stopPrefix)) })
	if err != nil {
		return fmt.Errorf("cluster %s: %w", q, explain(err))
	}
	defer func() { _ = stops.Unsubscribe() }()
	var wg sync.WaitGroup
	wg.Go(func() { k.live(ctx) })
	wg.Go(func() { k.watch(ctx) })
	for range max(1, w.Ahead) {
		wg.Go(func() { k.pull(ctx, consumer) })
	}
	wg.Wait()
	end, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_ = q.workers.Delete(end, w.Name)
	return q.conn.FlushWithContext(end)
}

// pull takes one piece after the other.
func (k *working) pull(ctx context.Context, consumer jetstream.Consumer) {
	for ctx.Err() == nil {
		wait, cancel := context.WithTimeout(ctx, 30*time.Second)
		msg, err := consumer.Next(jetstream.FetchContext(wait))
		cancel()
		if err == nil {
			k.piece(ctx, msg)
			continue
		}
		if quiet := errors.Is(err, nats.ErrTimeout) || errors.Is(err, context.DeadlineExceeded); !quiet && ctx.Err() == nil {
			if errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrConsumerDeleted) {
				k.Log("the server has forgotten this worker's kind of work; making it known again")
				if c, err := k.work.CreateOrUpdateConsumer(ctx, consumer.CachedInfo().Config); err == nil {
					consumer = c
				}
			}
			select { // the server is away
			case <-time.After(200 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
}

// piece does the piece of a message.
func (k *working) piece(ctx context.Context, msg jetstream.Msg) {
	m, err := ReadMessage(msg.Data())
	if err == nil {
		if want := workPrefix + k.Kind.Name() + "." + m.Job + "." + m.Name(k.Kind); msg.Subject() != want {
			err = fmt.Errorf("a message under a name that is not its own")
		}
	}
	if err != nil {
		k.Log("left out: %v", err)
		_ = msg.TermWithReason("unreadable")
		return
	}
	name := m.Name(k.Kind)
	if there, err := k.has(ctx, k.results, name); err == nil && there { // it was given out twice
		_ = msg.Ack()
		k.tell(m.Job, note{Name: name})
		return
	}
	if f := k.record(ctx, name); k.ends(msg, f) {
		k.giveUp(ctx, msg, m, f)
		return
	}
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	k.begin(m.Job, &cancel)
	beaten := make(chan struct{})
	go func() {
		defer close(beaten)
		k.beat(work, msg)
	}()
	data, err := k.do(work, m)
	if err == nil {
		err = k.store(work, name, data)
	}
	stopped := work.Err() != nil && ctx.Err() == nil
	cancel()
	<-beaten
	k.end(m, &cancel, err == nil)
	switch {
	case err == nil:
		_ = msg.Ack() // if that is lost the piece comes again, and is found
		k.tell(m.Job, note{Name: name})
	case ctx.Err() != nil: // this worker ends
		end, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		f := k.record(end, name)
		f.Returned++
		_ = keep(end, k.failures, name, f)
		_ = msg.Nak()
	case stopped: // nobody waits for it
		_ = msg.Term()
	default:
		k.Log("%s failed: %v", m.Of, err)
		f := k.record(ctx, name)
		if errors.Is(err, errLost) && f.Returned < patientTimes {
			f.Returned++
			_ = keep(ctx, k.failures, name, f)
			_ = msg.NakWithDelay(time.Second)
			return
		}
		f.Tries = append(f.Tries, try{k.Name, err.Error()})
		if k.ends(msg, f) {
			k.giveUp(ctx, msg, m, f)
			return
		}
		_ = keep(ctx, k.failures, name, f)
		_ = msg.NakWithDelay(time.Second) // long enough for another to take it
	}
}

// errLost is the error of a piece whose question a killed server has lost. Its client
// brings it again; no worker has failed on it, for so many times as a client may take.
var errLost = errors.New("what is asked is not at the server any more")

const patientTimes = 60 // of a second each

// do does a piece. A panic is its error.
func (k *working) do(ctx context.Context, m Message) (data []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error: %v", p)
		}
	}()
	return k.Do(ctx, m, func() ([]byte, error) {
		data, err := k.get(ctx, k.asks, m.Job)
		if err == nil && data == nil {
			err = errLost
		}
		return data, err
	})
}

// store stores a result; the server may be away for a while.
func (k *working) store(ctx context.Context, name string, data []byte) error {
	whole, err := content.EncodeWhole(Result{Worker: k.Name, Backend: k.Backend, Data: data})
	if err != nil {
		return err
	}
	for began := time.Now(); ; {
		if err = k.put(ctx, k.results, name, whole); err == nil || ctx.Err() != nil {
			return err
		}
		if time.Since(began) > operation {
			return fmt.Errorf("its result (%.1f MB) cannot be stored: %w", float64(len(whole))/1e6, err)
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

// record is where a piece failed.
func (k *working) record(ctx context.Context, name string) (f failure) {
	ctx, cancel := context.WithTimeout(ctx, operation)
	defer cancel()
	if e, err := k.failures.Get(ctx, name); err == nil {
		_ = json.Unmarshal(e.Value(), &f)
	}
	return f
}

// ends tells whether a piece has failed on enough workers: with an error, or because
// they ended with it.
func (k *working) ends(msg jetstream.Msg, f failure) bool {
	meta, err := msg.Metadata()
	if err != nil {
		return false
	}
	return len(f.Tries) >= k.Tries || int(meta.NumDelivered)-1-f.Returned >= k.Tries
}

// giveUp ends a piece that failed.
func (k *working) giveUp(ctx context.Context, msg jetstream.Msg, m Message, f failure) {
	if meta, err := msg.Metadata(); err == nil {
		if n := int(meta.NumDelivered) - 1 - f.Returned - len(f.Tries); n > 0 && len(f.Tries) < k.Tries {
			f.Tries = append(f.Tries, try{fmt.Sprintf("%d workers", n), "they ended, or were cut off, while they worked on it; memory may be short"})
		}
	}
	f.Final = true
	k.Log("%s is given up: %s", m.Of, f)
	if keep(ctx, k.failures, m.Name(k.Kind), f) != nil {
		return // it comes again
	}
	_ = msg.Term()
	k.tell(m.Job, note{Name: m.Name(k.Kind), Failed: true})
}

func (k *working) tell(job string, n note) {
	data, _ := json.Marshal(n) // two plain fields
	_ = k.conn.Publish(donePrefix+job, data)
}

// beat keeps a piece from being given to another.
func (k *working) beat(ctx context.Context, msg jetstream.Msg) {
	t := time.NewTicker(max(k.Silence/4, 50*time.Millisecond))
	defer t.Stop()
	for {
		select {
		case <-t.C:
			_ = msg.InProgress()
		case <-ctx.Done():
			return
		}
	}
}

func (k *working) begin(job string, cancel *context.CancelFunc) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.jobs[job] == nil {
		k.jobs[job] = map[*context.CancelFunc]bool{}
	}
	k.jobs[job][cancel] = true
	if k.busy++; k.busy == 1 {
		k.since = time.Now()
	}
}

func (k *working) end(m Message, cancel *context.CancelFunc, done bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if delete(k.jobs[m.Job], cancel); len(k.jobs[m.Job]) == 0 {
		delete(k.jobs, m.Job)
	}
	now := time.Now()
	k.life.Busy += now.Sub(k.since).Seconds()
	k.since = now
	k.busy--
	if done {
		k.life.Done++
		k.life.FLOPs += m.FLOPs
	}
}

// stop ends what is under way of a job.
func (k *working) stop(job string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for cancel := range k.jobs[job] {
		(*cancel)()
	}
}

// live says again and again that this worker is there.
func (k *working) live(ctx context.Context) {
	t := time.NewTicker(lifePace)
	defer t.Stop()
	for {
		k.mu.Lock()
		k.life.Said = time.Now()
		life := k.life
		k.mu.Unlock()
		_ = keep(ctx, k.workers, k.Name, life) // if not now, then the next time
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

// watch says which jobs this worker leaves to others, and why.
func (k *working) watch(ctx context.Context) {
	w, err := k.Queue.jobs.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return
	}
	defer func() { _ = w.Stop() }()
	said := map[string]bool{}
	for {
		select {
		case e := <-w.Updates():
			var j jobRecord
			if e == nil || said[e.Key()] || json.Unmarshal(e.Value(), &j) != nil || j.Kind == k.Kind {
				continue
			}
			said[e.Key()] = true
			k.Log("left to others: %d pieces that %s asks for; this worker has %s", j.Pieces, j.From, k.Kind.other(j.Kind, k.Model, j.Model))
		case <-ctx.Done():
			return
		}
	}
}
