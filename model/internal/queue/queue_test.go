package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// patience is long against what any machine needs, however busy, and short against a
// test's limit.
const patience = 4 * time.Minute

// serve starts a real server.
func serve(t testing.TB) (url string) {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	if !s.ReadyForConnections(patience) {
		t.Fatal("the server does not start")
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s.ClientURL()
}

func connect(t testing.TB, url string) *Queue {
	t.Helper()
	q, err := Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return q
}

var kind = Kind{Weights: "w", Processing: "raw", Version: "v1"}

func pieces(n int, job string) (all []Message) {
	for i := range n {
		all = append(all, Message{Job: hash(job), Verb: "sweep", Cut: "true/2", From: i, Until: i + 1, FLOPs: 1, Of: fmt.Sprintf("variant %d", i), Version: "v1"})
	}
	return all
}

// works runs a worker in this process.
func works(t testing.TB, url, name string, k Kind, do func(context.Context, Message) ([]byte, error)) (said func() string) {
	t.Helper()
	q := connect(t, url)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	var mu sync.Mutex
	var log strings.Builder
	go func() {
		defer close(ended)
		err := q.Work(ctx, Worker{Name: name, Kind: k, Model: "m", Backend: "go", Ahead: 1, Silence: time.Minute, Tries: 3, // on a busy machine a second may pass without a word
			Do: func(ctx context.Context, m Message, _ func() ([]byte, error)) ([]byte, error) { return do(ctx, m) },
			Log: func(f string, args ...any) {
				mu.Lock()
				defer mu.Unlock()
				fmt.Fprintf(&log, f+"\n", args...)
			}})
		if err != nil {
			t.Errorf("worker %s: %v", name, err)
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return log.String()
	}
}

func echo(_ context.Context, m Message) ([]byte, error) { return fmt.Append(nil, m.From), nil }

// deal deals n pieces and gives how often each came.
func deal(t testing.TB, q *Queue, n int, job string, patience time.Duration) (came []int, err error) {
	t.Helper()
	came = make([]int, n)
	err = q.Deal(t.Context(), Job{Kind: kind, Model: "m", Ask: []byte("asked"), Pieces: pieces(n, job), Patience: patience}, func(i int, r *Result) error {
		if string(r.Data) != fmt.Sprint(i) {
			return fmt.Errorf("piece %d gave %q", i, r.Data)
		}
		came[i]++
		return nil
	})
	return came, err
}

func noneLeft(t testing.TB, q *Queue) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		s, err := q.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Jobs) == 0 {
			return
		}
		if time.Since(began) > patience {
			t.Fatalf("work is left behind: %+v", s.Jobs)
		}
	}
}

// Workers and clients at once: two clients ask for the same, and everything is
// computed once.
func TestEachPieceOnce(t *testing.T) {
	url := serve(t)
	var computed atomic.Int32
	for w := range 3 {
		works(t, url, fmt.Sprint("w", w), kind, func(ctx context.Context, m Message) ([]byte, error) {
			computed.Add(1)
			return echo(ctx, m)
		})
	}
	var wg sync.WaitGroup
	for range 2 {
		q := connect(t, url)
		wg.Go(func() {
			came, err := deal(t, q, 60, "a", patience)
			if err != nil {
				t.Error(err)
			}
			for i, n := range came {
				if n != 1 {
					t.Errorf("piece %d came %d times", i, n)
				}
			}
		})
	}
	wg.Wait()
	q := connect(t, url)
	if _, err := deal(t, q, 60, "a", patience); err != nil {
		t.Error(err)
	}
	if n := computed.Load(); n != 60 {
		t.Errorf("computed %d times", n)
	}
	noneLeft(t, q)
}

// A piece that fails on three workers, by an error or a panic, ends the job with an
// error that names it. Asked again it is tried again.
func TestFailsOnThree(t *testing.T) {
	url := serve(t)
	var broken atomic.Bool
	broken.Store(true)
	for w := range 3 {
		works(t, url, fmt.Sprint("w", w), kind, func(ctx context.Context, m Message) ([]byte, error) {
			switch {
			case m.From == 5 && broken.Load() && w == 0:
				panic("boom")
			case m.From == 5 && broken.Load():
				return nil, errors.New("made to fail")
			}
			return echo(ctx, m)
		})
	}
	q := connect(t, url)
	_, err := deal(t, q, 20, "a", patience)
	if err == nil || !strings.Contains(err.Error(), "variant 5 failed for good") || strings.Count(err.Error(), "made to fail")+strings.Count(err.Error(), "boom") != 3 {
		t.Errorf("got %v", err)
	}
	noneLeft(t, q)
	broken.Store(false)
	if _, err := deal(t, q, 20, "a", patience); err != nil {
		t.Errorf("mended: %v", err)
	}
}

// A piece that nobody finishes, because whoever takes it is gone, ends the job too.
func TestEndsItsWorkers(t *testing.T) {
	url := serve(t)
	q := connect(t, url)
	for w := range 8 { // each stops in the middle of it, and says nothing more; so many that one is left to give it up
		gone := connect(t, url)
		works2(t, gone, fmt.Sprint("w", w))
	}
	_, err := deal(t, q, 1, "a", patience)
	if err == nil || !strings.Contains(err.Error(), "variant 0 failed for good") || !strings.Contains(err.Error(), "memory may be short") {
		t.Errorf("got %v", err)
	}
	noneLeft(t, q)
}

// works2 is a worker that is cut off as soon as it has work.
func works2(t testing.TB, q *Queue, name string) {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	go func() {
		_ = q.Work(ctx, Worker{Name: name, Kind: kind, Ahead: 1, Silence: 300 * time.Millisecond, Tries: 3, Log: func(string, ...any) {},
			Do: func(ctx context.Context, m Message, _ func() ([]byte, error)) ([]byte, error) {
				q.conn.Close()
				<-ctx.Done()
				return nil, ctx.Err()
			}})
	}()
}

// What is asked is brought again when a server that was killed has lost it, and no piece
// fails for that, though its workers look for it in vain more than three times.
func TestLostQuestionIsBroughtAgain(t *testing.T) {
	url := serve(t)
	q, far := connect(t, url), connect(t, url)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	var vain atomic.Int32 // times that it was looked for
	go func() {
		defer close(ended)
		_ = far.Work(ctx, Worker{Name: "w", Kind: kind, Ahead: 1, Silence: time.Minute, Tries: 3, Log: t.Logf,
			Do: func(ctx context.Context, m Message, asked func() ([]byte, error)) ([]byte, error) {
				if vain.Add(1) <= 4 {
					_ = far.asks.Delete(ctx, m.Job)
					return nil, errLost
				}
				data, err := asked()
				if err != nil {
					return nil, err
				}
				if string(data) != "asked" {
					t.Errorf("asked %q", data)
				}
				return echo(ctx, m)
			}})
	}()
	t.Cleanup(func() { cancel(); <-ended })
	if _, err := deal(t, q, 1, "a", patience); err != nil {
		t.Error(err)
	}
	noneLeft(t, q)
}

// A worker of another version or with other weights takes nothing and says why, and so
// does the client once its patience is over.
func TestOtherKindsTakeNothing(t *testing.T) {
	url := serve(t)
	q := connect(t, url)
	if _, err := deal(t, q, 2, "a", 100*time.Millisecond); err == nil || !strings.Contains(err.Error(), "there are no workers at all; start some with `golens worker m`") {
		t.Errorf("without workers: %v", err)
	}
	taken := func(context.Context, Message) ([]byte, error) { t.Error("it took work"); return nil, nil }
	old, other := kind, kind
	old.Version, other.Weights = "v0", "x"
	said := map[string]func() string{"another version of golens (v0; wanted is v1)": works(t, url, "old", old, taken), "other weights (m, x; wanted are m, w)": works(t, url, "other", other, taken)}
	for began := time.Now(); ; { // asked again until both workers have been heard
		_, err := deal(t, q, 2, "b", time.Second)
		if err == nil {
			t.Fatal("somebody did it")
		}
		missing := ""
		for want, log := range said {
			if !strings.Contains(err.Error(), want) || !strings.Contains(log(), want) {
				missing = fmt.Sprintf("the client says %v and the worker %q; both should say %q", err, log(), want)
			}
		}
		if missing == "" {
			break
		}
		if time.Since(began) > patience {
			t.Fatal(missing)
		}
	}
	noneLeft(t, q)
}

// Messages of strangers who know the token are left out, and end nothing.
func TestStrangeMessages(t *testing.T) {
	url := serve(t)
	q := connect(t, url)
	said := works(t, url, "w", kind, echo)
	good := pieces(1, "a")[0]
	for i, data := range []string{"", "{", `{"Job":"x"}`, `{"Job":"` + hash("a") + `","From":-1,"Until":2}`, strings.Repeat("x", 1<<15)} {
		if _, err := q.js.Publish(t.Context(), workPrefix+kind.Name()+"."+good.Job+"."+fmt.Sprint(i), []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := deal(t, q, 5, "a", patience); err != nil {
		t.Error(err)
	}
	noneLeft(t, q)
	if n := strings.Count(said(), "left out: a message"); n != 5 {
		t.Errorf("%d messages are left out: %s", n, said())
	}
}

// A result that was damaged at the server is computed again.
func TestDamagedResult(t *testing.T) {
	url := serve(t)
	q := connect(t, url)
	m := pieces(1, "a")[0]
	if err := keep(t.Context(), q.jobs, kind.Name()+"."+m.Job, jobRecord{Kind: kind}); err != nil {
		t.Fatal(err)
	}
	if err := q.put(t.Context(), q.results, m.Name(kind), []byte("damaged")); err != nil {
		t.Fatal(err)
	}
	works(t, url, "w", kind, echo)
	if _, err := deal(t, q, 1, "a", patience); err != nil {
		t.Error(err)
	}
}

func FuzzMessage(f *testing.F) {
	f.Add([]byte(`{"Job":"` + hash("a") + `","Verb":"sweep","Cut":"true/2","From":0,"Until":3}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ReadMessage(data)
		if err != nil {
			return
		}
		if m.From < 0 || m.Until <= m.From || len(m.Job) != 64 {
			t.Errorf("%+v", m)
		}
		if name := m.Name(kind); len(name) != 64 || strings.ContainsAny(name+m.Job, ".*> ") {
			t.Errorf("named %q", name)
		}
	})
}

func FuzzWhere(f *testing.F) {
	f.Add("tls://user:secret@host:4222?creds=x&replicas=3,tls://other:4222")
	f.Fuzz(func(t *testing.T, where string) {
		if !strings.Contains(where, "://") {
			return
		}
		w, err := Find(where)
		if err == nil {
			_, _ = w.options()
		}
		if strings.Contains(where, "secret") && strings.Contains(fmt.Sprint(w, err), ":secret@") {
			t.Errorf("%v, %v", w, err)
		}
	})
}
