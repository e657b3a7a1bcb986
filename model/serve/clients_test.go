package serve_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// Twenty clients ask for runs, sweeps, products, views and tokens, some of them
// equal, and go away in the middle of some: every answer is what this process
// says. With the race detector it says more.
func TestTwentyClients(t *testing.T) {
	local, _, _ := sides(t)
	vocab := int32(local.Config().Vocab)
	type question struct {
		ask  func(ctx context.Context, m *model.Model) (string, error)
		want string
	}
	var questions []question
	for i := range int32(6) {
		rows := [][]int32{{i % vocab, 3, 4}, {5, (7 + i) % vocab}}
		questions = append(questions,
			question{ask: func(ctx context.Context, m *model.Model) (string, error) {
				r, err := m.RunContext(ctx, m.Rows(rows).Capture(hook.Pattern(1)).Metric(model.NLL()))
				if err != nil {
					return "", err
				}
				return fmt.Sprintf("%.4f", r.Metric()), nil
			}},
			question{ask: func(ctx context.Context, m *model.Model) (string, error) {
				s, err := m.SweepContext(ctx, model.Sweep{Base: m.Rows(rows).Metric(model.NLL()),
					Variants: []model.Variant{{Edits: []hook.Edit{hook.Z(0).Head(0).Zero()}}, {Edits: []hook.Edit{hook.MLPOut(1).Zero()}}}})
				if err != nil {
					return "", err
				}
				return fmt.Sprintf("%.4f", s.PerRow(0).Values()), nil
			}},
			question{ask: func(_ context.Context, m *model.Model) (string, error) {
				p, err := m.Product(model.WE().Of(i), model.WU().Of(0, i))
				if err != nil {
					return "", err
				}
				return fmt.Sprintf("%.4f", p.Values()), nil
			}},
			question{ask: func(_ context.Context, m *model.Model) (string, error) {
				v, err := m.Process(model.Processing{FoldNorm: i%2 == 0, CenterUnembed: i%3 == 0})
				if err != nil {
					return "", err
				}
				return v.Info().Processing.String(), nil
			}})
	}
	for i := range questions {
		var err error
		if questions[i].want, err = questions[i].ask(t.Context(), local); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for client := range 20 {
		wg.Go(func() {
			m, err := model.Open(modeltest.Dir())
			if err != nil {
				t.Error(err)
				return
			}
			r := rand.New(rand.NewPCG(uint64(client), 1))
			for range 15 {
				q := questions[r.IntN(len(questions))]
				ctx, cancel := context.WithCancel(t.Context())
				if r.IntN(4) == 0 {
					go cancel()
				}
				got, err := q.ask(ctx, m)
				if err == nil && got != q.want || err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("client %d: got %s, %v; want %s", client, got, err, q.want)
				}
				cancel()
			}
		})
	}
	wg.Wait()
}
