package circuit_test

import (
	"fmt"

	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
)

// A network that was made by hand has one head of each class.
func ExampleIOI() {
	m, err := model.Open("zoo:ioi-planted")
	if err != nil {
		panic(err)
	}
	ioi, err := task.IOI(m, task.IOIOptions{N: 10, Seed: 1})
	if err != nil {
		panic(err)
	}
	c, err := circuit.IOI(m, ioi, circuit.IOIOptions{})
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

func ExampleCircuit_Compare() {
	r, err := circuit.GPT2IOINaive().Compare(circuit.GPT2IOI())
	if err != nil {
		panic(err)
	}
	fmt.Printf("precision %.2f, recall %.2f\n", r.Nodes.Precision(), r.Nodes.Recall())
	// Output: precision 1.00, recall 0.50
}
