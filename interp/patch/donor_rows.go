package patch

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/golens/golens/model"
)

// groups are the rows of the reference that are averaged together; the donor's
// row says which group each prompt takes.
func (a Ablation) groups(prompts, from model.Prompts, d *donor) (groups [][]int, err error) {
	switch a.Value {
	case PositionMean:
		return [][]int{upTo(len(from.IDs))}, sameLengths(from, prompts)
	case TemplateMean:
		return a.templates(prompts, from, d)
	case Resample:
		return a.draw(prompts, from, d)
	}
	return nil, nil
}

// templateOf are the templates of the prompts and of the reference.
func (a Ablation) templateOf(prompts, from model.Prompts) (own, others []int, err error) {
	own, others = a.Templates, a.ReferenceTemplates
	if others == nil {
		others = own
	}
	if len(own) != len(prompts.IDs) || len(others) != len(from.IDs) {
		return nil, nil, fmt.Errorf("%d templates for %d prompts, %d for %d rows of the reference; each needs one", len(own), len(prompts.IDs), len(others), len(from.IDs))
	}
	return own, others, nil
}

func (a Ablation) templates(prompts, from model.Prompts, d *donor) (groups [][]int, err error) {
	own, others, err := a.templateOf(prompts, from)
	if err != nil {
		return nil, err
	}
	group := map[int]int{}
	for r, t := range others {
		if _, ok := group[t]; !ok {
			group[t], groups = len(groups), append(groups, nil)
		}
		g := group[t]
		groups[g] = append(groups[g], r)
		if first := groups[g][0]; len(from.IDs[r]) != len(from.IDs[first]) {
			return nil, fmt.Errorf("rows %d and %d of the reference are of template %d, but have %d and %d tokens", first, r, t, len(from.IDs[first]), len(from.IDs[r]))
		}
	}
	for r, t := range own {
		g, ok := group[t]
		if !ok {
			return nil, fmt.Errorf("row %d is of template %d, of which the reference has no row", r, t)
		}
		if n := len(from.IDs[groups[g][0]]); len(prompts.IDs[r]) != n {
			return nil, fmt.Errorf("row %d has %d tokens, its template in the reference %d", r, len(prompts.IDs[r]), n)
		}
		d.row[r] = g
	}
	return groups, nil
}

// draw picks a row of the reference for every prompt: not itself.
func (a Ablation) draw(prompts, from model.Prompts, d *donor) (groups [][]int, err error) {
	var own, others []int
	if a.Templates != nil {
		if own, others, err = a.templateOf(prompts, from); err != nil {
			return nil, err
		}
	}
	itself := len(a.Reference.IDs) == 0
	rng := rand.New(rand.NewPCG(a.Seed, 0))
	for r, row := range prompts.IDs {
		var fit []int
		for o, other := range from.IDs {
			if len(other) == len(row) && !(itself && o == r) && (own == nil || own[r] == others[o]) {
				fit = append(fit, o)
			}
		}
		if fit == nil {
			return nil, fmt.Errorf("no other row of %d tokens can stand in for row %d; give a Reference", len(row), r)
		}
		d.row[r], groups = r, append(groups, []int{fit[rng.IntN(len(fit))]})
	}
	return groups, nil
}

func sameLengths(sets ...model.Prompts) error {
	if len(sets[0].IDs) == 0 {
		return errors.New("no rows to take means over")
	}
	n := len(sets[0].IDs[0])
	for _, set := range sets {
		for i, row := range set.IDs {
			if len(row) != n {
				return fmt.Errorf("by position: row %d has %d tokens, another %d; rows must be equally long", i, len(row), n)
			}
		}
	}
	return nil
}
