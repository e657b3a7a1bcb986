package serve_test

import (
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/graphfn"
	"github.com/golens/golens/model/hook"
)

// A Go graph function stays in its program: a client says so before anything is sent,
// and what to do, and a host does not know it by its name either.
func TestGraphFunctionsDoNotTravel(t *testing.T) {
	local, remote, _ := sides(t)
	twice := graphfn.New("twice", func(in []*graph.Node) *graph.Node { return graph.MulScalar(in[0], 2) })
	r := local.Rows([][]int32{{5, 9, 11, 4}}).Edit(hook.ResidPost(0).Compute(twice(formula.Here()))).Capture(hook.ResidPost(0))
	if _, err := local.Run(r); err != nil {
		t.Fatal(err)
	}
	_, err := remote.Run(r)
	if err == nil || !strings.Contains(err.Error(), "twice is Go code of the program that made it") || !strings.Contains(err.Error(), "say it as a formula") {
		t.Errorf("got %v", err)
	}
}
