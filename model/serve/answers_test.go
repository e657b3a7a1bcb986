package serve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// However computations end, and whoever waits for them, an answer is given to
// all, and the next ask is computed anew.
func TestNothingWaitsForeverForAFailedAnswer(t *testing.T) {
	for _, test := range []struct {
		name    string
		compute func() ([]byte, error)
		want    string
	}{
		{"panic", func() ([]byte, error) { panic("boom") }, "internal error: boom"},
		{"error", func() ([]byte, error) { return nil, errors.New("no") }, "no"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAnswers(1 << 20)
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
			defer cancel()
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					for range 20 {
						_, err := a.answer(ctx, "k", func() ([]byte, error) {
							time.Sleep(time.Millisecond) // so that others wait for it
							return test.compute()
						})
						if err == nil || !strings.Contains(err.Error(), test.want) {
							t.Errorf("got %v", err)
						}
					}
				})
			}
			wg.Wait()
			if body, err := a.answer(ctx, "k", func() ([]byte, error) { return []byte("x"), nil }); err != nil || string(body) != "x" {
				t.Errorf("afterwards: %q, %v", body, err)
			}
		})
	}
}

// Twenty clients ask few things, some of which are cancelled, in a memory that
// holds few of the answers.
func TestAnswersUnderLoad(t *testing.T) {
	a := newAnswers(300)
	var computed atomic.Int32
	var wg sync.WaitGroup
	for client := range 20 {
		wg.Go(func() {
			for i := range 200 {
				key := fmt.Sprint((client + i) % 7)
				ctx, cancel := context.WithCancel(t.Context())
				if (client+i)%5 == 0 {
					cancel()
				}
				body, err := a.answer(ctx, key, func() ([]byte, error) {
					computed.Add(1)
					return []byte(strings.Repeat(key, 100)), ctx.Err()
				})
				cancelled := ctx.Err() != nil
				cancel()
				if err == nil && string(body) != strings.Repeat(key, 100) || err != nil && !(cancelled && errors.Is(err, context.Canceled)) {
					t.Errorf("%s: %q, %v", key, body, err)
				}
			}
		})
	}
	wg.Wait()
	if n := computed.Load(); n == 20*200 {
		t.Error("nothing was remembered")
	}
	if a.size > 300 {
		t.Errorf("%d bytes are kept", a.size)
	}
}
