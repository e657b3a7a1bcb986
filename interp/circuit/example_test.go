package circuit_test

import (
	"fmt"

	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/interp/ioi"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
)

func ExampleCircuit_Compare() {
	r, err := ioi.GPT2Naive().Compare(ioi.GPT2())
	if err != nil {
		panic(err)
	}
	fmt.Printf("precision %.2f, recall %.2f\n", r.Nodes.Precision(), r.Nodes.Recall())
	// Output: precision 1.00, recall 0.50
}

// The circuit of a hand-made network does all of the task.
func ExampleTest() {
	m, err := model.Open("zoo:ioi-planted")
	if err != nil {
		fmt.Println(err)
		return
	}
	prompts, err := task.IOI(m, task.IOIOptions{N: 10, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	test := &circuit.Test{Model: m, Task: prompts.Task, Settings: circuit.Settings{Random: -1}}
	f, err := test.Faithfulness(ioi.Planted())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("the circuit recovers %.0f%%\n", 100*f.Recovered.Value)
	fmt.Println(f.Settings)
	// Output:
	// the circuit recovers 100%
	// nodes (heads), mean within its template, positions as listed, ratio of means, circuit kept
}
