package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Names of what lies on the server.
const (
	workStream = "golens-work"
	workPrefix = "golens.work."
	donePrefix = "golens.done."
	stopPrefix = "golens.stop."
)

// Times. What is queued or kept longer is forgotten by the server.
const (
	workAge    = 7 * 24 * time.Hour  // of work that nobody did
	resultAge  = 30 * 24 * time.Hour // of results
	failureAge = time.Hour
	lifeAge    = 45 * time.Second // of a worker that says nothing
	lifePace   = lifeAge / 4
	operation  = 30 * time.Second // of one exchange with the server
)

// A Queue is a connection to a cluster's server.
type Queue struct {
	where Where
	conn  *nats.Conn
	js    jetstream.JetStream

	work                    jetstream.Stream
	looking                 sync.Mutex // its Info is for one goroutine at a time
	asks, results           jetstream.ObjectStore
	jobs, workers, failures jetstream.KeyValue

	again chan struct{} // told when the connection is there again
}

// queued is how many messages are queued under subjects of the work stream.
func (q *Queue) queued(ctx context.Context, subjects string) (map[string]uint64, error) {
	q.looking.Lock()
	defer q.looking.Unlock()
	info, err := q.work.Info(ctx, jetstream.WithSubjectFilter(subjects))
	if err != nil {
		return nil, err
	}
	return info.State.Subjects, nil
}

// Open connects to the server of a cluster; see [Find].
func Open(ctx context.Context, where string) (*Queue, error) {
	w, err := Find(where)
	if err != nil {
		return nil, err
	}
	opts, err := w.options()
	if err != nil {
		return nil, err
	}
	ctx, refused := context.WithCancelCause(ctx) // what a user may not do is told beside the question, which has no answer
	defer refused(nil)
	q := &Queue{where: w, again: make(chan struct{}, 1)}
	host, _ := os.Hostname()
	opts = append(opts, nats.Name("golens "+host), nats.MaxReconnects(-1), nats.ReconnectWait(500*time.Millisecond), nats.ReconnectJitter(100*time.Millisecond, 500*time.Millisecond),
		nats.PingInterval(5*time.Second), nats.MaxPingsOutstanding(2), nats.Timeout(20*time.Second),
		nats.ReconnectHandler(func(*nats.Conn) { q.told() }), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrPermissionViolation) {
				refused(fmt.Errorf("its user lacks a right; CLUSTER.md lists those that golens needs: %w", err))
			}
		}))
	if q.conn, err = nats.Connect(w.URL, opts...); err != nil {
		return nil, fmt.Errorf("cluster %s: %w", w, explain(err))
	}
	if err := q.open(ctx); err != nil {
		q.conn.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("cluster %s: %w", w, explain(err))
	}
	return q, nil
}

// told notes that the connection is there again: what was told meanwhile was missed.
func (q *Queue) told() {
	select {
	case q.again <- struct{}{}:
	default:
	}
}

// Close ends the connection.
func (q *Queue) Close() { q.conn.Close() }

// String is the server's address without secrets.
func (q *Queue) String() string { return q.where.String() }

// explain says what to do about an error of the connection.
func explain(err error) error {
	s := err.Error()
	switch {
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout):
		return fmt.Errorf("the server does not answer; its disk may be full, which its log says: %w", err)
	case errors.Is(err, nats.ErrAuthorization) || strings.Contains(s, "Authorization Violation"):
		return fmt.Errorf("the server refuses the token or credentials: %w", err)
	case errors.Is(err, nats.ErrSecureConnWanted):
		return fmt.Errorf("the server does not encrypt, and it is not on this machine: nothing is sent; start it with TLS, or reach it through an ssh tunnel: %w", err)
	case strings.Contains(s, "remote error: tls:") || strings.Contains(s, "closed by remote after TLS handshake"):
		return fmt.Errorf("the server asks for a certificate of yours that it trusts; name it and its key (?cert=FILE&key=FILE): %w", err)
	case strings.Contains(s, "x509") || strings.Contains(s, "tls:"):
		return fmt.Errorf("the server's certificate is not one that is trusted here; join by the file that `golens cluster` wrote, or name the certificate (?ca=FILE): %w", err)
	case strings.Contains(s, "max bytes set"):
		return fmt.Errorf("the account asks how much is kept; say how many gigabytes may be (?most=4): %w", err)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return fmt.Errorf("the server has no JetStream; start it with -js: %w", err)
	}
	return err
}

// open finds what lies on the server, and makes what is not there.
func (q *Queue) open(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, operation)
	defer cancel()
	if q.js, err = jetstream.New(q.conn); err != nil {
		return err
	}
	n := max(1, q.where.replicas)
	if q.work, err = q.js.Stream(ctx, workStream); errors.Is(err, jetstream.ErrStreamNotFound) {
		q.work, err = q.js.CreateStream(ctx, jetstream.StreamConfig{Name: workStream, Subjects: []string{workPrefix + ">"}, Retention: jetstream.WorkQueuePolicy,
			MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew, DiscardNewPerSubject: true, MaxAge: workAge, MaxBytes: q.where.most / 16, Replicas: n, Description: "golens: work to do"})
	}
	if err != nil {
		return err
	}
	for _, store := range []struct {
		name string
		most int64
		to   *jetstream.ObjectStore
	}{{"golens-asks", q.where.most / 4, &q.asks}, {"golens-results", q.where.most / 2, &q.results}} {
		if *store.to, err = q.js.ObjectStore(ctx, store.name); errors.Is(err, jetstream.ErrBucketNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
			*store.to, err = q.js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: store.name, TTL: resultAge, MaxBytes: store.most, Replicas: n})
		}
		if err != nil {
			return err
		}
	}
	for _, kv := range []struct {
		name string
		age  time.Duration
		to   *jetstream.KeyValue
	}{{"golens-jobs", workAge, &q.jobs}, {"golens-workers", lifeAge, &q.workers}, {"golens-failures", failureAge, &q.failures}} {
		if *kv.to, err = q.js.KeyValue(ctx, kv.name); errors.Is(err, jetstream.ErrBucketNotFound) {
			*kv.to, err = q.js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: kv.name, TTL: kv.age, MaxBytes: q.where.most / 16, Replicas: n})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// put stores an object under the hash of what it is.
func (q *Queue) put(ctx context.Context, store jetstream.ObjectStore, name string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, operation)
	defer cancel()
	_, err := store.PutBytes(ctx, name, data)
	return err
}

// get is an object; nil if it is not there. The store holds it to its hash.
func (q *Queue) get(ctx context.Context, store jetstream.ObjectStore, name string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, operation)
	defer cancel()
	data, err := store.GetBytes(ctx, name)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return nil, nil
	}
	if err == nil && data == nil {
		data = []byte{}
	}
	return data, err
}

// has tells whether an object is there.
func (q *Queue) has(ctx context.Context, store jetstream.ObjectStore, name string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, operation)
	defer cancel()
	_, err := store.GetInfo(ctx, name)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return false, nil
	}
	return err == nil, err
}

// keep writes a value under a key.
func keep(ctx context.Context, kv jetstream.KeyValue, key string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, operation)
	defer cancel()
	_, err = kv.Put(ctx, key, data)
	return err
}

// values are all that a bucket of keys and values holds.
func values[T any](ctx context.Context, kv jetstream.KeyValue) (all map[string]T, err error) {
	ctx, cancel := context.WithTimeout(ctx, operation)
	defer cancel()
	w, err := kv.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return nil, err
	}
	defer w.Stop()
	all = map[string]T{}
	for {
		select {
		case e := <-w.Updates():
			if e == nil {
				return all, nil
			}
			var v T
			if json.Unmarshal(e.Value(), &v) == nil {
				all[e.Key()] = v
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
