package heads_test

import (
	"fmt"

	"github.com/golens/golens/interp/heads"
	"github.com/golens/golens/model"
)

// On random tokens that stand twice, an induction head attends to what came after
// the earlier copy.
func ExampleInduction() {
	m, err := model.Open("zoo:induction")
	if err != nil {
		fmt.Println(err)
		return
	}
	scores, err := heads.Induction(m, heads.Repeated{Samples: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	best, at := scores.Max()
	fmt.Printf("head %d.%d: %.2f\n", at[0], at[1], best)
	// Output: head 1.1: 1.00
}

// Any rule of where to look makes a score: here, the token before.
func ExampleScore() {
	m, err := model.Open("zoo:induction")
	if err != nil {
		fmt.Println(err)
		return
	}
	prompts := m.Rows([][]int32{{0, 5, 6, 7, 8, 9}})
	scores, err := heads.Score(m, prompts, heads.Previous, heads.Mass)
	if err != nil {
		fmt.Println(err)
		return
	}
	best, at := scores.Max()
	fmt.Printf("head %d.%d: %.2f\n", at[0], at[1], best)
	// Output: head 0.0: 1.00
}
