package model_test

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// With keys and values seen per query head, z is the pattern times the values
// of the same head, in a model whose query heads share them.
func TestPerQueryHead(t *testing.T) {
	m, err := model.Open(filepath.Join(filepath.Dir(modeltest.Dir()), "llama_gqa"))
	if err != nil {
		t.Fatal(err)
	}
	got := run(t, m, model.Request{Rows: ragged[:1]}.Capture(hook.Pattern(1), hook.V(1), hook.Z(1), hook.K(1).Head(1), hook.K(1)))
	v, pattern, z := m.PerQueryHead(got.At(hook.V(1))), got.At(hook.Pattern(1)), got.At(hook.Z(1))
	if v.Err() != nil || v.Dim("head") != 4 {
		t.Fatalf("%v: %v", v.Shape(), v.Err())
	}
	for head := range 4 {
		for query := range 6 {
			for d := range m.Config().DHead {
				sum := 0.0
				for key := range 6 {
					sum += pattern.At(0, head, query, key) * v.At(0, key, head, d)
				}
				if diff := math.Abs(sum - z.At(0, query, head, d)); !(diff <= near) {
					t.Fatalf("head %d query %d: z differs by %g from pattern times values", head, query, diff)
				}
			}
		}
	}
	if d := modeltest.MaxDiff(got.Captures[3].Array, got.At(hook.K(1)).Select("head", 1)); d != 0 {
		t.Errorf("the keys of one group differ by %g from those cut out of all", d)
	}
	if cut := (&model.Result{Captures: got.Captures[4:]}).At(hook.K(1).Head(1)); cut.Err() != nil {
		t.Errorf("cutting a group out of a result: %v", cut.Err())
	}
	if bad := m.PerQueryHead(array.New(array.Dim("pos", 2))); bad.Err() == nil {
		t.Error("an array without key-value heads passed")
	}
}
