package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// A point is what so many workers took that sleep in place of computing.
type point struct {
	Workers, Pieces int
	Sleep           float64 // seconds of a piece
	Seconds         float64 // of all
	Efficiency      float64 // of the time of all workers, what they slept
	Messages, Bytes float64 // that the client and the workers sent and received, for each piece
}

// TestScale holds efficiency at many workers against one real server; with
// GOLENS_SCALE=FILE it goes up to 512 workers and writes what kernel/CLUSTER.md shows.
func TestScale(t *testing.T) {
	counts, sleeps, each := []int{8}, []time.Duration{200 * time.Millisecond}, 4
	out := os.Getenv("GOLENS_SCALE")
	if out != "" {
		counts, sleeps, each = []int{1, 8, 64, 512}, []time.Duration{2 * time.Second, 200 * time.Millisecond}, 8
	}
	var points []point
	for _, sleep := range sleeps {
		for _, n := range counts {
			p := scale(t, n, each*n, sleep)
			t.Logf("%d workers, pieces of %s: %.3f of their time, %.1f messages and %.0f bytes a piece", n, sleep, p.Efficiency, p.Messages, p.Bytes)
			points = append(points, p)
		}
	}
	if out == "" {
		return // under load a test must not fail by the clock
	}
	for _, p := range points {
		if p.Workers == 64 && p.Sleep == 2 && p.Efficiency < 0.9 {
			t.Errorf("efficiency %g at 64 workers", p.Efficiency)
		}
	}
	data, err := json.MarshalIndent(points, "", "  ")
	if err == nil {
		err = os.WriteFile(out, data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func scale(t *testing.T, workers, n int, sleep time.Duration) point {
	url := serve(t)
	result := make([]byte, 10_000) // of 16 variants x 32 prompts, with a few captures
	var ready atomic.Int32
	ctx, cancel := context.WithCancel(context.Background())
	var queues []*Queue
	ended := make(chan struct{}, workers)
	for w := range workers {
		q := connect(t, url)
		queues = append(queues, q)
		go func() {
			defer func() { ended <- struct{}{} }()
			ready.Add(1)
			_ = q.Work(ctx, Worker{Name: fmt.Sprint("w", w), Kind: kind, Ahead: 1, Silence: 30 * time.Second, Tries: 3, Log: t.Logf,
				Do: func(ctx context.Context, m Message, _ func() ([]byte, error)) ([]byte, error) {
					select {
					case <-time.After(sleep):
					case <-ctx.Done():
					}
					return result, ctx.Err()
				}})
		}()
	}
	for int(ready.Load()) < workers {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(time.Second)
	client := connect(t, url)
	queues = append(queues, client)
	began := time.Now()
	err := client.Deal(t.Context(), Job{Kind: kind, Model: "m", Ask: make([]byte, 10_000), Pieces: pieces(n, "a"), Patience: time.Minute}, func(int, *Result) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	p := point{Workers: workers, Pieces: n, Sleep: sleep.Seconds(), Seconds: took.Seconds(), Efficiency: float64(n) * sleep.Seconds() / float64(workers) / took.Seconds()}
	for _, q := range queues {
		s := q.conn.Stats()
		p.Messages += float64(s.InMsgs+s.OutMsgs) / float64(n)
		p.Bytes += float64(s.InBytes+s.OutBytes) / float64(n)
	}
	cancel()
	for range workers {
		<-ended
	}
	return p
}
