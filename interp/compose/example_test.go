package compose_test

import (
	"fmt"

	"github.com/golens/golens/interp/compose"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
)

// The hand-made network's induction head is composed with its previous-token head
// by the keys: attend to where the token before was this one.
func ExampleKComposed() {
	m, err := model.Open("zoo:induction")
	if err != nil {
		fmt.Println(err)
		return
	}
	path, err := compose.KComposed(m, graph.Head(0, 0), graph.Head(1, 1), 14, 15, 16)
	if err != nil {
		fmt.Println(err)
		return
	}
	for query := range 3 {
		_, best := path.Pick("query", query).Max()
		fmt.Println("token", 14+query, "looks for what came after token", 14+best[0])
	}
	// Output:
	// token 14 looks for what came after token 14
	// token 15 looks for what came after token 15
	// token 16 looks for what came after token 16
}

// Copying heads have the score 1.
func ExampleEigenvalueCopying() {
	m, err := model.Open("zoo:induction")
	if err != nil {
		fmt.Println(err)
		return
	}
	copying, err := compose.EigenvalueCopying(m)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("the induction head 1.1: %.2f\n", copying.At(1, 1))
	// Output: the induction head 1.1: 1.00
}
