package backend

import (
	"strings"
	"testing"
	"time"

	. "github.com/gomlx/gomlx/core/graph"
)

func TestUnknownNameSaysWhatExists(t *testing.T) {
	_, err := Open("tpu")
	if err == nil || !strings.Contains(err.Error(), "xla:cpu") {
		t.Fatalf("got %v, want an error that lists the backends", err)
	}
}

// With its default worker limit the Go backend hangs on this graph: a block's
// query, key, value and MLP products are all ready at once.
func TestManyProductsAtOnceDoNotDeadlock(t *testing.T) {
	b, err := Open("go")
	if err != nil {
		t.Fatal(err)
	}
	exec, err := NewExec(b.Backend, func(x *Node) *Node {
		var sum *Node
		for i := range 8 {
			y := MatMul(AddScalar(x, float64(i)), x)
			if sum == nil {
				sum = y
			} else {
				sum = Add(sum, y)
			}
		}
		return ReduceAllSum(sum)
	})
	if err != nil {
		t.Fatal(err)
	}
	x := make([][]float32, 256)
	for i := range x {
		x[i] = make([]float32, 256)
	}
	done := make(chan error, 1)
	go func() {
		for range 20 {
			if _, err := exec.Call(x); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(4 * time.Minute): // the work takes well under a second
		t.Fatal("the Go backend hangs when many matrix products are ready at once")
	}
}
