// Package native knows the Go graph functions of this process by name, and nothing of
// graphs.
package native

import (
	"fmt"
	"sync"
)

// An Arg is what a function is given: a value at each position, or a tensor. Of a
// length that is not the same in every row Dims holds a negative number.
type Arg struct {
	Dims   []int
	Tensor bool
}

// A Function is a Go function that builds a part of a graph.
type Function struct {
	// Dims is the shape of its value, or why it does not take the arguments.
	Dims func(args []Arg) ([]int, error)
	// FLOPs are those of its matrix products at one position.
	FLOPs func(args []Arg) int64
	// Build is the function itself, as the graph library has it.
	Build any
}

var (
	mu  sync.RWMutex
	all = map[string]Function{}
)

// Add makes a function known, and gives its name: the one that is wished for, with a
// number behind it where another function has it. So a name stands for one function.
func Add(name string, f Function) string {
	mu.Lock()
	defer mu.Unlock()
	free := name
	for n := 2; all[free].Dims != nil; n++ {
		free = fmt.Sprintf("%s#%d", name, n)
	}
	all[free] = f
	return free
}

// Find is the function of a name.
func Find(name string) (Function, bool) {
	mu.RLock()
	defer mu.RUnlock()
	f, ok := all[name]
	return f, ok
}
