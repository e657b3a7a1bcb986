package steer_test

import (
	"path/filepath"
	"testing"

	"github.com/golens/golens/interp/steer"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

func open(t testing.TB, name string) *model.Model {
	t.Helper()
	m, err := model.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// An exchange of a subspace is pyvene's: of the first columns of a rotation, of low
// rank, before a boundary.
func TestExchangeEqualsPyvene(t *testing.T) {
	const tolerance = 5e-5 // of the fixtures
	for _, name := range []string{"gpt2", "llama"} {
		t.Run(name, func(t *testing.T) {
			dirs := modeltest.Families(t)
			m := open(t, dirs[name])
			rows := modeltest.OracleIn(t, dirs["gpt2"], "sweeps.safetensors")
			want := modeltest.OracleIn(t, dirs[name], "interchange.safetensors")
			s := model.Sweep{
				Base: model.Request{Rows: modeltest.Rows(rows["clean"])}, Source: model.Request{Rows: modeltest.Rows(rows["corrupted"])},
				Captures: []hook.Point{hook.Logits().At(6, 10)},
			}
			for _, c := range []struct {
				recorded string
				at       hook.Point
				basis    string
				columns  []int
			}{
				{"rotated.block_output.1.pos6.k1", hook.ResidPost(1), "rotation", []int{0}},
				{"rotated.block_output.1.pos6.k8", hook.ResidPost(1), "rotation", []int{0, 1, 2, 3, 4, 5, 6, 7}},
				{"rotated.block_output.1.pos6.dims2_3_9", hook.ResidPost(1), "rotation", []int{2, 3, 9}},
				{"rotated.mlp_output.1.pos6.k8", hook.MLPOut(1), "rotation", []int{0, 1, 2, 3, 4, 5, 6, 7}},
				{"low_rank.block_output.1.pos6.k5", hook.ResidPost(1), "rotation_low_rank", []int{0, 1, 2, 3, 4}},
			} {
				basis := want[c.basis].Rename("coordinate", "direction").Select("direction", c.columns...)
				space, err := steer.NewSubspace(c.at, basis, "pyvene")
				if err != nil {
					t.Fatal(err)
				}
				s.Variants = append(s.Variants, model.Variant{Name: c.recorded, Edits: []hook.Edit{space.FromSource(hook.Each([]int{6, 6, 6, 6}))}})
			}
			got, err := m.Sweep(s)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range s.Variants {
				logits := got.Captures[0].Array.Select(hook.Variant, i).Squeeze(hook.Variant)
				if d := modeltest.MaxDiff(logits, want[v.Name]); !(d < tolerance) {
					t.Errorf("%s differs by %.1e", v.Name, d)
				}
			}
		})
	}
}

// Subspaces of several heads join their coordinates.
func TestSubspaceOfHeads(t *testing.T) {
	m := open(t, modeltest.Dir())
	n := m.Config().DHead
	at := hook.Z(1).Head(0, 2)
	all, err := steer.Random(at, 2*n, 2*n, 1)
	if err != nil {
		t.Fatal(err)
	}
	rows := model.Request{Rows: [][]int32{{3, 1, 4, 1, 5}}}
	whole, err := m.Run(rows.Edit(at.Zero()).Capture(hook.Logits()))
	if err != nil {
		t.Fatal(err)
	}
	removed, err := m.Run(rows.Edit(all.Remove()).Capture(hook.Logits()))
	if err != nil {
		t.Fatal(err)
	}
	if d := modeltest.MaxDiff(whole.At(hook.Logits()), removed.At(hook.Logits())); !(d < 2e-5) {
		t.Errorf("all of both heads taken out differs from zero by %.1e", d)
	}
	some, err := steer.Random(at, 2*n, 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "heads.json")
	if err := some.Save(path); err != nil {
		t.Fatal(err)
	}
	again, err := steer.OpenSubspace(path)
	if err != nil || !again.Point.Equal(at) || modeltest.MaxDiff(again.Basis, some.Basis) != 0 {
		t.Errorf("%v, %v", again, err)
	}
	cosines, err := some.Cosines(all)
	if err != nil || cosines.At(2) < 1-1e-5 {
		t.Errorf("a subspace of everything: %v, %v", cosines, err)
	}
}

// What the null space of W_out holds is left out of the part that is read.
func TestEffective(t *testing.T) {
	m := open(t, modeltest.Dir()) // 64 neurons, 32 of d_model: half of the directions are not read
	space, err := steer.Random(hook.MLPPost(1), m.Config().DMLP, 4, 3)
	if err != nil {
		t.Fatal(err)
	}
	part, err := space.Effective(m)
	if err != nil || part.Dim() != 4 {
		t.Fatalf("%v, %v", part, err)
	}
	w, err := m.Products(model.Chain{model.WOut(1)})
	if err != nil {
		t.Fatal(err)
	}
	// v W_out of a direction is that of its part.
	read := func(s *steer.Subspace, v []float64) (out []float64) {
		for j := range m.Config().DModel {
			sum := 0.0
			for i := range v {
				sum += v[i] * w[0].At(i, j)
			}
			out = append(out, sum)
		}
		return out
	}
	v, projected := make([]float64, m.Config().DMLP), make([]float64, m.Config().DMLP)
	for i := range v {
		v[i] = space.Basis.At(i, 0)
	}
	for k := range part.Dim() {
		dot := 0.0
		for i := range v {
			dot += v[i] * part.Basis.At(i, k)
		}
		for i := range v {
			projected[i] += dot * part.Basis.At(i, k)
		}
	}
	a, b := read(space, v), read(part, projected)
	for i := range a {
		if d := a[i] - b[i]; d > 1e-4 || d < -1e-4 {
			t.Errorf("coordinate %d: %g of the direction, %g of its part", i, a[i], b[i])
		}
	}
	if none, err := mustRandom(t, hook.ResidPost(1), m.Config().DModel, 2).Effective(m); none != nil || err != nil {
		t.Errorf("of the stream: %v, %v", none, err)
	}
}

func mustRandom(t *testing.T, at hook.Point, n, k int) *steer.Subspace {
	t.Helper()
	s, err := steer.Random(at, n, k, 1)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
