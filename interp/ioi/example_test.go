package ioi_test

import (
	"fmt"

	"github.com/golens/golens/interp/ioi"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
)

// A network that was made by hand has one head of each class.
func ExampleFind() {
	m, err := model.Open("zoo:ioi-planted")
	if err != nil {
		panic(err)
	}
	prompts, err := task.IOI(m, task.IOIOptions{N: 10, Seed: 1})
	if err != nil {
		panic(err)
	}
	c, err := ioi.Find(m, prompts, ioi.Options{})
	if err != nil {
		panic(err)
	}
	for _, class := range c.Classes() {
		fmt.Println(c.Of(class), class)
	}
	// Output:
	// [3.0] name mover
	// [3.1] negative name mover
	// [4.0] backup name mover
	// [2.0] S-inhibition
	// [1.0] induction
	// [0.0] duplicate token
	// [0.1] previous token
}
