package ablate

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/golens/golens/interp/task"
)

// A kind is what rows have in common whose tokens stand for each other position by
// position.
type kind struct{ template, length int }

// kinds are those of all rows, as far as the value tells them apart.
func (v Value) kinds(rows [][]int32, templates []int) []kind {
	all := make([]kind, len(rows))
	for i, row := range rows {
		if v == Mean {
			continue
		}
		all[i].length = len(row)
		if v != PositionMean && len(templates) > 0 {
			all[i].template = templates[i]
		}
	}
	return all
}

// assign finds the reference, puts the prompts into groups, and the reference
// prompts under them.
func (v *Values) assign(t task.Pairs) error {
	given := len(v.from.Prompts.IDs) > 0 || v.from.Prompts.Err() != nil
	own := !given && len(t.Corrupted.IDs) > 0 // each prompt has its own
	switch {
	case own:
		v.from = Reference{t.Corrupted, t.Templates}
	case !given && (v.ablation.Value == TemplateMean || v.ablation.Value == PositionMean):
		return errors.New("a mean at each position needs prompts in which what the answer hangs on differs; the clean prompts all have it at the same place, and their mean keeps it. Give corrupted prompts or a Reference, or take Mean or Zero")
	case !given:
		v.from = Reference{t.Clean, t.Templates}
	}
	if err := v.from.Prompts.Err(); err != nil {
		return err
	}
	rows := v.from.Prompts.IDs
	if n := len(v.from.Templates); n > 0 && n != len(rows) {
		return fmt.Errorf("%d templates for %d prompts; give each its own, or none", n, len(rows))
	}
	if own && len(rows) != len(t.Clean.IDs) {
		return fmt.Errorf("%d corrupted prompts for %d clean ones", len(rows), len(t.Clean.IDs))
	}
	byKind := map[kind][]int{}
	for i, k := range v.ablation.Value.kinds(rows, v.from.Templates) {
		byKind[k] = append(byKind[k], i)
	}
	kinds := v.ablation.Value.kinds(t.Clean.IDs, t.Templates)
	if v.ablation.Value == Resample {
		return v.draw(kinds, byKind, own, !given && !own)
	}
	number := map[kind]int{}
	for i, k := range kinds {
		members := byKind[k]
		if len(members) == 0 {
			return k.missing(i)
		}
		if _, known := number[k]; !known {
			number[k] = len(v.members)
			v.members, v.of = append(v.members, members), append(v.of, k)
		}
		v.group = append(v.group, number[k])
	}
	return nil
}

// draw gives each prompt one of the reference: its own, or any of its kind, but
// not itself.
func (v *Values) draw(kinds []kind, byKind map[kind][]int, own, itself bool) error {
	rng := rand.New(rand.NewPCG(v.ablation.Seed, 0))
	for i, k := range kinds {
		drawn := i
		if own {
			if n := len(v.from.Prompts.IDs[i]); n != k.length {
				return fmt.Errorf("row %d has %d tokens, its corruption %d", i, k.length, n)
			}
		} else {
			var fit []int
			for _, o := range byKind[k] {
				if !itself || o != i {
					fit = append(fit, o)
				}
			}
			if len(fit) == 0 {
				return k.missing(i)
			}
			drawn = fit[rng.IntN(len(fit))]
		}
		v.group, v.members = append(v.group, i), append(v.members, []int{drawn})
	}
	return nil
}

func (k kind) missing(row int) error {
	return fmt.Errorf("no prompt of template %d has the %d tokens of row %d; take a reference with the same templates and lengths, or Mean or Zero",
		k.template, k.length, row)
}
