package lens_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/golens/golens/interp/lens"
	"github.com/golens/golens/interp/steer"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

func drawn(t *testing.T, at hook.Point, width int) *steer.Direction {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, 7))
	v := array.New(array.Dim("coordinate", width))
	for i := range v.Values() {
		v.Values()[i] = float32(rng.NormFloat64())
	}
	d, err := steer.NewDirection(at, v, "drawn")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// In every family, and at every point of the stream, what components wrote along a
// direction adds up to how far the stream lies along it.
func TestAlongAddsUp(t *testing.T) {
	const tolerance = 3e-5
	for name, dir := range modeltest.Families(t) {
		t.Run(name, func(t *testing.T) {
			m := open(t, dir)
			if strings.HasPrefix(m.Info().Backend, "xla") && name != "gpt2" && name != "gemma2" {
				t.Skip("XLA compiles graphs for each family; what adds them up is the same")
			}
			c := m.Config()
			prompts := m.Rows([][]int32{{5, 9, 3, 7, 11}, {8, 2, 6}})
			points := []hook.Point{hook.ResidPre(0), hook.ResidPre(1), hook.ResidMid(1), hook.ResidPost(c.Layers - 1), hook.LNFinalNormalized()}
			for _, p := range points {
				if !c.Has(p.ID) {
					continue
				}
				d := drawn(t, p, c.DModel)
				for _, at := range []hook.Positions{{}, {Rows: [][]int{{1}, {2}}}} {
					a, err := lens.AttributionAlong(m, prompts, d, at)
					if c.NormAt == config.NormOnSum || c.EmbedNorm || c.Encoder {
						if err == nil || !strings.Contains(err.Error(), "norms its residual stream after each sum") {
							t.Fatalf("error %v", err)
						}
						return
					}
					if err != nil {
						t.Fatal(err)
					}
					if at.All() {
						at = hook.Positions{Rows: [][]int{{-1}}}
					}
					run, err := m.Run(prompts.Capture(p.In(at)))
					if err != nil {
						t.Fatal(err)
					}
					want := 0.0
					for i, x := range run.At(p.In(at)).Values() {
						want += float64(x) * float64(d.Vector.Values()[i%c.DModel]) / d.Norm() / 2
					}
					if math.Abs(a.Metric-want) > tolerance || math.Abs(a.Raw-want) > tolerance*max(1, math.Abs(want)) {
						t.Errorf("%s: the stream lies at %g; it says %g, contributions and bias are %g", p, want, a.Metric, a.Raw)
					}
				}
			}
		})
	}
}

// A direction of the unembedding's is a logit: components and neurons write along it what
// they write to the logit, and no head that comes later than where it is read.
func TestAlongIsALogit(t *testing.T) {
	m := open(t, modeltest.Dir())
	rows := m.Rows(modeltest.Rows(modeltest.Oracle(t, "oracle.safetensors")["tokens"]))
	w, err := m.Products(model.Chain{model.WU().Of(5).T()})
	if err != nil {
		t.Fatal(err)
	}
	d, err := steer.NewDirection(hook.LNFinalNormalized(), w[0], "unembedding of 5")
	if err != nil {
		t.Fatal(err)
	}
	metric := model.Logit(model.IDs(5))
	want, err := lens.Attribution(m, rows, metric)
	if err != nil {
		t.Fatal(err)
	}
	got, err := lens.AttributionAlong(m, rows, d, hook.Positions{})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range want.Values() {
		if math.Abs(got.At(i)*d.Norm()-float64(v)) > 1e-5 {
			t.Errorf("component %d: %g of the logit, %g along the direction", i, v, got.At(i)*d.Norm())
		}
	}
	of, err := lens.Neurons(m, rows, metric)
	if err != nil {
		t.Fatal(err)
	}
	along, err := lens.NeuronsAlong(m, rows, d, hook.Positions{})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range of.Values() {
		if x := float64(along.Values()[i]) * d.Norm(); math.Abs(x-float64(v)) > 1e-5 {
			t.Errorf("neuron %d: %g of the logit, %g along the direction", i, v, x)
		}
	}
	early, err := lens.AttributionAlong(m, rows, drawn(t, hook.ResidMid(1), m.Config().DModel), hook.Positions{})
	if err != nil {
		t.Fatal(err)
	}
	if v := early.Heads.At(1, 0); v == 0 {
		t.Error("head 1.0 writes nothing to the middle of its block")
	}
	if v := early.Heads.At(2, 0); v != 0 {
		t.Errorf("head 2.0 writes %g to the block before it", v)
	}
	if n, err := lens.NeuronsAlong(m, rows, drawn(t, hook.ResidMid(1), m.Config().DModel), hook.Positions{}); err != nil || n.Dim("layer") != 1 {
		t.Errorf("neurons of %v, %v; want those of block 0", n, err)
	}
	for want, d := range map[string]*steer.Direction{
		"no direction of the residual stream": drawn(t, hook.MLPOut(0), m.Config().DModel),
		"it has 3 coordinates":                drawn(t, hook.ResidPre(1), 3),
	} {
		if _, err := lens.AttributionAlong(m, rows, d, hook.Positions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
