package model

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"sync"
)

// A TallyRow is a row of a corpus.
type TallyRow struct {
	Tokens []int32
	Label  int
}

// TallyOver walks over a corpus, some rows at a time, and merges what they give.
// t.Rows are not read; Positions and Groups must be said where a reducer keeps them
// apart. If the walk or the context ends with an error, the result so far is given
// with it: pass it as before, with the rows that follow, to go on. Rows counts
// those that are in.
func (m *Model) TallyOver(ctx context.Context, t Tally, corpus iter.Seq2[TallyRow, error], before *TallyResult) (*TallyResult, error) {
	ctx, stop := context.WithCancel(ctx)
	w := &tallyWalk{Model: m, ask: t, total: before, most: 1}
	if before != nil {
		w.begun, w.done = before.Rows, int(before.Rows)
	}
	defer w.drain()
	defer stop()
	size := t.Bytes(m.Config())
	w.large = size > 32<<20
	if m.Info().Dealt {
		w.most = int(min(64, 1+(1<<30)/max(1, size)))
	}
	var rows []TallyRow
	tokens := 0
	for row, err := range corpus {
		if err != nil {
			return w.end(fmt.Errorf("tally: row %d of the walk: %w", len(rows), err))
		}
		rows, tokens = append(rows, row), tokens+len(row.Tokens)
		if tokens < tokensPerTally {
			continue
		}
		w.begin(ctx, rows)
		if err := w.await(w.most - 1); err != nil {
			return w.total, err
		}
		rows, tokens = nil, 0
	}
	if len(rows) > 0 {
		w.begin(ctx, rows)
	}
	return w.end(nil)
}

// tallyWalk is a walk over a corpus. Parts of it may be under way at a time, where
// others compute them; they are merged in their order.
type tallyWalk struct {
	*Model
	ask   Tally
	total *TallyResult
	begun int64          // rows that are in or under way
	most  int            // parts under way
	parts []chan tallied // these, in their order
	large bool           // states are

	mu   sync.Mutex
	done int // rows, of which progress tells
}

type tallied struct {
	*TallyResult
	err error
}

// begin begins a part.
func (w *tallyWalk) begin(ctx context.Context, rows []TallyRow) {
	part := w.ask
	part.Rows, part.Labels, part.First, part.Of = nil, nil, w.begun, 0
	for _, row := range rows {
		part.Rows, part.Labels = append(part.Rows, row.Tokens), append(part.Labels, row.Label)
	}
	w.begun += int64(len(rows))
	told := 0
	tell := func(done, _ int) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.done, told = w.done+done-told, done
		report(ctx, w.done, w.ask.Of)
	}
	inner := ctx
	if w.ask.Of > 0 {
		inner = WithProgress(ctx, tell)
	}
	ch := make(chan tallied, 1)
	w.parts = append(w.parts, ch)
	ask := func() {
		got, err := w.TallyContext(inner, part)
		if err == nil && w.ask.Of > 0 {
			tell(len(rows), 0) // also of an answer that was there
		}
		ch <- tallied{got, err}
	}
	if w.most == 1 {
		ask() // its progress bears the caller's name
	} else {
		go ask()
	}
}

// await merges the first parts until no more than some are under way.
func (w *tallyWalk) await(most int) error {
	for len(w.parts) > most {
		got := <-w.parts[0]
		w.parts = w.parts[1:]
		switch {
		case got.err != nil:
			return got.err
		case w.total == nil:
			w.total = got.TallyResult
		default:
			if err := w.total.Merge(got.TallyResult); err != nil {
				return err
			}
			if got.TallyResult = nil; w.large {
				runtime.GC() // else several of them wait for it, and the walk holds more the longer it goes on
			}
		}
	}
	return nil
}

// end merges what is under way; err is why the walk ended, if it did not come to the end.
func (w *tallyWalk) end(err error) (*TallyResult, error) {
	if failed := w.await(0); err == nil {
		err = failed
	}
	return w.total, err
}

// drain waits for the parts that nobody wants any more.
func (w *tallyWalk) drain() {
	for _, part := range w.parts {
		<-part
	}
}

// tokensPerTally are enough for full chunks, and few enough for an end at once.
const tokensPerTally = 1 << 14
