package model

import (
	"errors"
	"fmt"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/plan"
)

// A Window says which keys and values a generation keeps: those of the first Start
// tokens, on which attention rests, and of the last Recent. So memory, and the time
// that a token takes, do not grow, and rows may be far longer than the context.
//
// Positions are places among what is kept, so that none is larger than the model was
// trained with: of tokens 0 to 3 and 6 to 8, the next one is turned by 7, and its keys
// by 0 to 6. Keys are therefore kept as they are before positions turn them. A model
// with learned positions has them in its keys, values and all that comes of them from
// the embedding on; there a window can only go by the positions in the text, which end
// with the context.
//
// A token's values hold what its block's queries saw when it was computed. A window is
// therefore not the run of a text that begins later.
//
// Source: Xiao et al. 2023, "Efficient Streaming Language Models with Attention Sinks".
type Window struct {
	Start  int // tokens that stay; theirs is 4, and 0 is a sliding window
	Recent int // tokens that are kept of the last ones, at least 1

	// Ahead makes room for so many tokens at a time, whenever the next does not fit
	// into Start + Recent. 0 cuts to Start + Recent after each token, so that a token
	// sees these and itself.
	Ahead int `json:",omitempty"`

	// InText takes the positions in the text, which may then not be more than the
	// context.
	InText bool `json:",omitempty"`
}

// String says what is kept.
func (w Window) String() string {
	by := "places in the cache"
	if w.InText {
		by = "positions in the text"
	}
	return fmt.Sprintf("the first %d and the last %d tokens, by %s", w.Start, w.Recent, by)
}

// check checks a window of a generation whose prompts have so many tokens.
func (w *Window) check(c config.Config, prompts []int, captures []hook.Point, edits []hook.Edit) error {
	if w == nil {
		return nil
	}
	if w.Start < 0 || w.Recent < 1 || w.Ahead < 0 || w.Ahead > w.Recent {
		return fmt.Errorf("window: %d tokens at the start, %d recent ones, room for %d; none may be negative, one recent token is the least, and room is made among these", w.Start, w.Recent, w.Ahead)
	}
	most := plan.Window(*w).Most()
	switch {
	case w.InText:
	case c.Position == config.PosLearned:
		return errors.New("window: the positions of " + c.Family + " are learned and part of what is kept, so that they cannot be places in the cache; set InText, within the context")
	case c.Position == config.PosRotary && most > c.Context:
		return fmt.Errorf("window: %d tokens are seen at once; the model's context holds %d", most, c.Context)
	}
	for r, n := range prompts {
		if n > w.Start+w.Recent {
			return fmt.Errorf("window: the prompt of row %d has %d tokens, of which %d are kept; hand those that follow as Given", r, n, w.Start+w.Recent)
		}
	}
	turned := func(p hook.Point) error {
		if a := p.Kind.Axes(); p.Kind == hook.KindRotK || a[len(a)-1] == hook.Key {
			return fmt.Errorf("window: %s: keys move and go as the row grows; what is made of them, such as z, stays", p)
		}
		return nil
	}
	for _, p := range captures {
		if err := turned(p); err != nil {
			return err
		}
	}
	for _, e := range edits {
		if err := turned(e.Point); err != nil {
			return err
		}
	}
	return nil
}
