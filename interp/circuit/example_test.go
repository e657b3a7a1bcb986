package circuit_test

import (
	"fmt"

	"github.com/golens/golens/interp/ioi"
)

func ExampleCircuit_Compare() {
	r, err := ioi.GPT2Naive().Compare(ioi.GPT2())
	if err != nil {
		panic(err)
	}
	fmt.Printf("precision %.2f, recall %.2f\n", r.Nodes.Precision(), r.Nodes.Recall())
	// Output: precision 1.00, recall 0.50
}
