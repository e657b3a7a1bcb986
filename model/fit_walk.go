package model

import (
	"context"
	"fmt"
	"iter"
)

// FitOver finds tensors over a stream of rows, each read once, in their order: a step
// takes the next f.Batch of them, up to f.Steps steps. What is over is not read, and what
// is in memory is some steps' rows. f.Base has edits and metrics, without rows; f.Seed is
// of starts and noise.
//
// Where these hang on the rows, of gives a part's Base and Source, in the order of its
// rows: a label that chooses an edit, a source, answers. With f.Together it makes so many
// rows of each row of the stream, and f.Batch counts what it makes.
//
// If the stream or the context ends before the last step, the result so far is given with
// an error: pass it as f.From, with the rows that follow those of its steps, to go on. It
// ends as it would have at once, to the last bit.
func (m *Model) FitOver(ctx context.Context, f Fit, corpus iter.Seq2[TallyRow, error], of func(part Fit, rows []TallyRow) (Fit, error)) (*Fitted, error) {
	each := f.Batch / max(1, f.Together)
	if each < 1 || f.Batch%max(1, f.Together) != 0 {
		return f.From, fmt.Errorf("fit: a stream needs a batch; it is %d, of rows that are drawn %d together", f.Batch, max(1, f.Together))
	}
	if of == nil {
		of = func(part Fit, rows []TallyRow) (Fit, error) {
			for _, row := range rows {
				part.Base.Rows = append(part.Base.Rows, row.Tokens)
			}
			return part, nil
		}
	}
	begin := func(rows []TallyRow) error {
		done := f.done()
		part := f
		part.Window = [2]int{done, done + len(rows)/each}
		part, err := of(part, rows)
		if err != nil {
			return fmt.Errorf("fit: rows of step %d: %w", done, err)
		}
		got, err := m.FitContext(ctx, part)
		if got != nil {
			f.From = got
		}
		return err
	}
	var rows []TallyRow
	tokens, failed := 0, error(nil)
	for row, err := range corpus {
		if f.done()+len(rows)/each >= f.Steps {
			break
		}
		if err != nil {
			failed = fmt.Errorf("fit: the row behind step %d: %w", f.done()+len(rows)/each, err)
			break
		}
		rows, tokens = append(rows, row), tokens+len(row.Tokens)
		if len(rows)%each != 0 || tokens < tokensPerTally {
			continue
		}
		if err := begin(rows); err != nil {
			return f.cut(err)
		}
		rows, tokens = nil, 0
	}
	if rows = rows[:len(rows)-len(rows)%each]; len(rows) > 0 {
		if err := begin(rows); err != nil {
			return f.cut(err)
		}
	}
	if failed == nil && f.done() < f.Steps {
		failed = fmt.Errorf("fit: the stream ended after step %d of %d; give its rows again, or fewer steps", f.done(), f.Steps)
	}
	if failed != nil {
		return f.cut(failed)
	}
	return f.From, nil
}

// done is how many steps there are.
func (f Fit) done() int {
	if f.From == nil {
		return 0
	}
	return len(f.From.Curve)
}

// cut is what there is of a fit that did not come to its end.
func (f Fit) cut(err error) (*Fitted, error) {
	if f.From == nil {
		return nil, err
	}
	cut := *f.From
	cut.Stopped = true
	return &cut, err
}
