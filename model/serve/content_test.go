package serve_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/serve"
)

// metered counts the bytes of the calls that reach a host.
type metered struct {
	*serve.Host
	calls, bytes atomic.Int64
}

func (m *metered) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.calls.Add(1)
	m.bytes.Add(r.ContentLength)
	m.Host.ServeHTTP(w, r)
}

// remote is the tiny model in a metered host.
func remote(t testing.TB, h *serve.Host) (*model.Model, *metered) {
	t.Helper()
	meter := &metered{Host: h}
	startAs(t, meter)
	m, err := model.Open(modeltest.Dir())
	if err != nil {
		t.Fatal(err)
	}
	return m, meter
}

// values of an edit or a reference, among them what JSON has no word for.
func odd(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = r.Float32()
		if r.IntN(50) == 0 {
			x[i] = []float32{float32(math.NaN()), math.Float32frombits(0x7fc01234), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.Copysign(0, -1)), 0}[r.IntN(6)]
		}
	}
	return x
}

// Requests of equal content have one answer in the host, wherever their values
// lie; any other content has another.
func TestEqualContentIsAnsweredOnce(t *testing.T) {
	host := serve.New()
	m, _ := remote(t, host)
	c := m.Config()
	const rows, pos = 16, 9 // enough for a tensor that travels by its name
	ids := make([][]int32, rows)
	for i := range ids {
		ids[i] = []int32{1, 2, 3, 4, 5, 6, 7, 8, int32(i)}
	}
	base := m.Rows(ids)
	r := rand.New(rand.NewPCG(1, 2))
	ask := func(what string, build func(values []float32) model.Request, n int) {
		values := odd(r, n)
		buffer := append(odd(r, 3), values...)
		same := [][]float32{values, slices.Clone(values), buffer[3:]}
		other := slices.Clone(values)
		at := r.IntN(n)
		other[at] = math.Float32frombits(math.Float32bits(other[at]) ^ 1) // the smallest change, of a NaN's bits too
		before := host.Answered()
		answers := map[string]bool{}
		for i, v := range append(same, other) {
			request := build(v)
			res, err := m.Run(request)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if res.Request != request.Hash() {
				t.Errorf("%s: the host hashes the request to %.12s, the cell to %.12s", what, res.Request, request.Hash())
			}
			answers[res.Request] = true
			if want := before + 1 + i/len(same); host.Answered() != want || len(answers) != want-before {
				t.Errorf("%s: after ask %d there are %d answers of %d hashes, want %d", what, i, host.Answered()-before, len(answers), want-before)
			}
		}
	}
	for round := range 3 {
		ask(fmt.Sprint("large edit ", round), func(v []float32) model.Request {
			return base.Edit(hook.ResidPre(1).Replace(array.Of(v, array.Dim("batch", rows), array.Dim("pos", pos), array.Dim("d_model", c.DModel)))).
				Capture(hook.ResidPost(1).At(-1))
		}, rows*pos*c.DModel)
		ask(fmt.Sprint("small edit ", round), func(v []float32) model.Request {
			return base.Edit(hook.MLPOut(1).At(2).Add(hook.Vec(v...))).Capture(hook.ResidPost(1).At(-1))
		}, c.DModel)
		ask(fmt.Sprint("reference ", round), func(v []float32) model.Request {
			return base.Metric(model.KL(array.Of(v, array.Dim("batch", rows), array.Dim("pos", 1), array.Dim("vocab", c.Vocab))))
		}, rows*c.Vocab)
		ask(fmt.Sprint("residual stream ", round), func(v []float32) model.Request {
			return base.Start(1, array.Of(v, array.Dim("batch", rows), array.Dim("pos", pos), array.Dim("d_model", c.DModel))).Capture(hook.ResidPost(1).At(-1))
		}, rows*pos*c.DModel)
	}
}

// What is read off a list of no metrics, or none, is not the same.
func TestNothingIsNotNil(t *testing.T) {
	m, _ := remote(t, serve.New())
	request := m.Rows([][]int32{{1, 2}}).Metric(model.LogProbOf(3)).Grad(hook.Z(1))
	if _, err := m.Run(request); err != nil {
		t.Error(err)
	}
	request.GradOf = []int{}
	if _, err := m.Run(request); err == nil || !strings.Contains(err.Error(), "gradients need a metric") {
		t.Errorf("the gradients of no metrics: %v", err)
	}
}

// A tensor travels once; one that the host has forgotten, or that is larger than
// its memory, travels again, and nobody notices.
func TestTensorsTravelOnce(t *testing.T) {
	const rows, pos = 16, 9 // enough for a tensor that travels by its name
	for _, test := range []struct {
		name        string
		memory      int // in tensors
		first, next float64
	}{
		{"remembered", 4, 2, 0},
		{"forgotten", 1, 2, 1}, // each makes the host forget the other
		{"too large", 0, 2, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			local, err := model.Open(modeltest.Dir())
			if err != nil {
				t.Fatal(err)
			}
			c := local.Config()
			size := 4 * rows * pos * c.DModel
			host := serve.NewBounded(1, test.memory*size+size/2) // no answer stays
			m, meter := remote(t, host)
			ids := make([][]int32, rows)
			for i := range ids {
				ids[i] = []int32{1, 2, 3, 4, 5, 6, 7, 8, int32(i)}
			}
			r := rand.New(rand.NewPCG(3, 4))
			one, two := make([]float32, size/4), make([]float32, size/4)
			for i := range one {
				one[i], two[i] = r.Float32(), r.Float32()
			}
			ask := func(m *model.Model) *array.Array {
				whole := func(v []float32) *array.Array {
					return array.Of(v, array.Dim("batch", rows), array.Dim("pos", pos), array.Dim("d_model", c.DModel))
				}
				run, err := m.Run(m.Rows(ids).Edit(hook.ResidPre(1).Replace(whole(one)), hook.MLPOut(1).Add(whole(two))).Capture(hook.ResidPost(1)))
				if err != nil {
					t.Fatal(err)
				}
				return run.At(hook.ResidPost(1))
			}
			want := ask(local)
			for round, travels := range []float64{test.first, test.next, test.next} {
				before := meter.bytes.Load()
				if d := modeltest.MaxDiff(ask(m), want); d > 1e-6 { // the batch may be cut differently
					t.Errorf("round %d: differs by %g", round, d)
				}
				got := float64(meter.bytes.Load()-before) / float64(size)
				if math.Abs(got-travels) > 0.1 { // the rest of the calls
					t.Errorf("round %d: %.2f tensors travelled, want %g", round, got, travels)
				}
				if _, bytes := host.Tensors(); bytes > test.memory*size+size/2 {
					t.Errorf("round %d: the host holds %d bytes", round, bytes)
				}
			}
		})
	}
}

// What a cell can see to be wrong does not reach the host.
func TestMistakesDoNotTravel(t *testing.T) {
	m, meter := remote(t, serve.New())
	prompts := m.Rows([][]int32{{1, 2, 3}})
	for what, ask := range map[string]func() error{
		"layer":    func() error { _, err := m.Run(prompts.Capture(hook.Pattern(7))); return err },
		"position": func() error { _, err := m.Run(prompts.Edit(hook.Z(1).At(3).Zero())); return err },
		"token":    func() error { _, err := m.Run(prompts.Metric(model.LogProbOf(1 << 20))); return err },
		"variant": func() error {
			_, err := m.Sweep(model.Sweep{Base: prompts.Metric(model.LogProbOf(3)), Variants: []model.Variant{{Edits: []hook.Edit{hook.Z(0).Head(99).Zero()}}}})
			return err
		},
		"generation": func() error { _, err := m.Complete(prompts.Complete(0)); return err },
		"product":    func() error { _, err := m.Products(model.Chain{}); return err },
	} {
		before := meter.calls.Load()
		if err := ask(); err == nil || meter.calls.Load() != before {
			t.Errorf("%s: %v, after %d calls", what, err, meter.calls.Load()-before)
		}
	}
}

// A verb needs nothing of the host: what it is asked and what it answers cross by
// themselves.
func TestCostCrosses(t *testing.T) {
	local, err := model.Open(modeltest.Dir())
	if err != nil {
		t.Fatal(err)
	}
	m, _ := remote(t, serve.New())
	request := m.Rows([][]int32{{1, 2, 3}}).Metric(model.LogProbOf(3)).Grad(hook.Z(1))
	want, err := local.ExplainRun(request)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := m.ExplainRun(request); err != nil || *got != *want {
		t.Errorf("got %v (%v), want %v", got, err, want)
	}
}
