package serve_test

import (
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/serve"
)

// BenchmarkOpenResident opens GPT-2 small in a host that has it, as every cell
// of a notebook does.
func BenchmarkOpenResident(b *testing.B) {
	start(b)
	dir := modeltest.Random(b, modeltest.GPT2Small, 1)
	if _, err := model.Open(dir); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := model.Open(dir); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLargeEdit asks again what was answered already, a request with an
// edit of 6.6 million values: what remains is to hash and to send it.
func BenchmarkLargeEdit(b *testing.B) {
	m, _ := remote(b, serve.New())
	const rows, pos = 4125, 50
	ids := make([][]int32, rows)
	for i := range ids {
		ids[i] = make([]int32, pos)
	}
	values := make([]float32, rows*pos*m.Config().DModel)
	for i := range values {
		values[i] = float32(i) / 3
	}
	b.Logf("%d values", len(values))
	request := model.Request{Rows: ids}.Capture(hook.ResidPre(1).At(-1).Row(0)).
		Edit(hook.ResidPre(1).Replace(array.Of(values, array.Dim("batch", rows), array.Dim("pos", pos), array.Dim("d_model", m.Config().DModel))))
	ask := func() {
		if _, err := m.Run(request); err != nil {
			b.Fatal(err)
		}
	}
	ask()
	b.Run("hash", func(b *testing.B) {
		for b.Loop() {
			request.Hash()
		}
	})
	b.Run("ask", func(b *testing.B) {
		for b.Loop() {
			ask()
		}
	})
}
