package model

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/plan"
)

func (g Generation) check(c config.Config) error {
	if g.err != nil {
		return g.err
	}
	if err := g.checkChoice(); err != nil {
		return err
	}
	if c.Encoder {
		return fmt.Errorf("generation: %s is an encoder, in which every token sees those after it; it cannot continue a row", c.Family)
	}
	if c.Headless {
		return fmt.Errorf("generation: %w", errHeadless)
	}
	k, err := newChecker(c, g.Rows)
	if err != nil {
		return err
	}
	for _, id := range g.Stop {
		if id < 0 || int(id) >= c.Vocab {
			return fmt.Errorf("generation: stop token %d is outside of the vocabulary of %d", id, c.Vocab)
		}
	}
	longest := slices.Max(k.lens)
	prompts := slices.Clone(k.lens)
	if err := g.checkGiven(c); err != nil {
		return err
	}
	if err := g.Window.check(c, prompts, g.Captures, g.Edits); err != nil {
		return fmt.Errorf("generation: %w", err)
	}
	for r := range k.lens {
		if n := k.lens[r] + g.New; n > c.Context && (g.Window == nil || g.Window.InText) {
			return fmt.Errorf("generation: row %d of %d tokens and %d new ones make %d; the model's context holds %d", r, prompts[r], g.New, n, c.Context)
		}
		k.lens[r] += g.New - 1 // that are run
	}
	var shapes [][]int
	for _, p := range g.Captures {
		if _, err := k.value(p, g.Edits); err != nil {
			return err
		}
		if at := p.Pos.Rows; at != nil && !plan.EachStep(p) && slices.ContainsFunc(at, func(list []int) bool { return slices.Min(list) < 0 }) {
			return fmt.Errorf("generation: capture %s: a row's end moves; count positions from the start, or take At(-1) for that of each step", p)
		}
		shapes = append(shapes, plan.Generated(c, p, g.Edits, len(g.Rows), longest, g.New))
	}
	if err := within(g.Budget, shapes, "Generation.Budget"); err != nil {
		return fmt.Errorf("generation: %w", err)
	}
	for _, e := range g.Edits {
		if err := k.growing(e, prompts); err != nil {
			return fmt.Errorf("generation: %w", err)
		}
	}
	return nil
}

// checkGiven checks the tokens that are given.
func (g Generation) checkGiven(c config.Config) error {
	if g.Given != nil && len(g.Given) != len(g.Rows) {
		return fmt.Errorf("generation: tokens are given for %d rows, and there are %d", len(g.Given), len(g.Rows))
	}
	for r, given := range g.Given {
		if len(given) > g.New {
			return fmt.Errorf("generation: row %d is given %d tokens, but only %d are added", r, len(given), g.New)
		}
		for i, id := range given {
			if id < 0 || int(id) >= c.Vocab {
				return fmt.Errorf("generation: row %d, given token %d is %d, outside of the vocabulary of %d", r, i, id, c.Vocab)
			}
		}
	}
	return nil
}

// growing checks an edit of rows that grow from prompts of so many tokens.
func (k *checker) growing(e hook.Edit, prompts []int) error {
	if err := k.edit(e); err != nil {
		return err
	}
	for r, n := range prompts {
		if e.Batch != nil && !slices.Contains(e.Batch, r) {
			continue
		}
		for _, pos := range e.Pos.In(r) {
			if pos < -n {
				return fmt.Errorf("edit %s: position %d does not exist in row %d, whose prompt has %d tokens", e, pos, r, n)
			}
		}
	}
	axes := e.Kind.Axes()
	if e.Op == hook.OpProject && axes[len(axes)-1] == hook.Key {
		return errors.New("edit " + e.String() + ": the axis of keys grows, so that no direction lies along it")
	}
	return nil
}

// checkChoice checks how tokens are chosen.
func (g Generation) checkChoice() error {
	switch {
	case g.New < 1:
		return fmt.Errorf("generation: %d new tokens; ask for at least 1", g.New)
	case !(g.Temperature >= 0) || math.IsInf(g.Temperature, 1):
		return fmt.Errorf("generation: temperature %g; it must be 0, for the likeliest token, or positive and finite", g.Temperature)
	case g.TopK < 0:
		return fmt.Errorf("generation: the %d likeliest tokens; 0 leaves all of them", g.TopK)
	case !(g.TopP >= 0 && g.TopP <= 1):
		return fmt.Errorf("generation: a share of %g of the probability; it must lie between 0 and 1", g.TopP)
	case g.Temperature == 0 && (g.TopK > 0 || g.TopP > 0):
		return errors.New("generation: TopK and TopP choose among draws, but at temperature 0 nothing is drawn; set Temperature")
	}
	return nil
}
