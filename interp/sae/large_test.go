package sae_test

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"

	"github.com/golens/golens/interp/sae"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// wide writes a JumpReLU SAE in SAELens' layout, of which all features but few read and
// write nothing, as a file with holes.
func wide(t testing.TB, width, features int, few map[int][2][]float32) string {
	t.Helper()
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	config, err := json.Marshal(map[string]any{
		"architecture": "jumprelu", "d_in": width, "d_sae": features, "dtype": "float32", "device": "cpu", "apply_b_dec_to_input": false,
		"normalize_activations": "none", "metadata": map[string]any{"hook_name": "blocks.0.hook_resid_post", "sae_lens_version": "6.0.0"},
	})
	must(err)
	must(os.WriteFile(filepath.Join(dir, "cfg.json"), config, 0o600))
	type entry struct {
		DType   string   `json:"dtype"`
		Shape   []int    `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	head, end := map[string]entry{}, int64(0)
	for _, x := range []struct {
		name  string
		shape []int
	}{{"W_enc", []int{width, features}}, {"W_dec", []int{features, width}}, {"b_enc", []int{features}}, {"b_dec", []int{width}}, {"threshold", []int{features}}} {
		n := int64(4)
		for _, d := range x.shape {
			n *= int64(d)
		}
		head[x.name] = entry{"F32", x.shape, [2]int64{end, end + n}}
		end += n
	}
	text, err := json.Marshal(head)
	must(err)
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	f, err := os.Create(filepath.Join(dir, "sae_weights.safetensors"))
	must(err)
	defer f.Close()
	_, err = f.Write(append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...))
	must(err)
	start := int64(8 + len(text))
	must(f.Truncate(start + end))
	put := func(tensor string, at int, values ...float32) {
		var b []byte
		for _, v := range values {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		_, err := f.WriteAt(b, start+head[tensor].Offsets[0]+4*int64(at))
		must(err)
	}
	for i, vectors := range few {
		for r, v := range vectors[0] {
			put("W_enc", r*features+i, v)
		}
		put("W_dec", i*width, vectors[1]...)
	}
	return dir
}

// TestWide opens a dictionary as a file that stays mapped, encodes 15 tokens, changes one
// feature, whose rows are gathered, watches all, and splices it in.
func TestWide(t *testing.T) { largest(t, 64, 2048, func(string) {}) }

// BenchmarkWide is [TestWide] in the width of Gemma 2 2B with 131,072 features, a file of
// 2.4 GB with holes: the seconds of each part, and the megabytes that it copied. Run it
// with -benchtime 1x.
func BenchmarkWide(b *testing.B) {
	before, since := 0, time.Now()
	largest(b, 2304, 131072, func(what string) {
		if what != "start" {
			b.ReportMetric(time.Since(since).Seconds(), what+"-s")
			b.ReportMetric(float64(modeltest.Memory("RssAnon")-before)/1e6, what+"-MB")
		}
		debug.FreeOSMemory()
		before, since = modeltest.Memory("RssAnon"), time.Now()
	})
	b.ReportMetric(float64(modeltest.Memory("RssFile"))/1e6, "mapped-MB")
	b.ReportMetric(float64(modeltest.Memory("VmHWM"))/1e6, "peak-MB")
}

func largest(t testing.TB, width, features int, done func(part string)) {
	shape := modeltest.Shape{Name: "wide", Layers: 2, Heads: 8, DModel: width, DMLP: 4 * width, Vocab: 100, Context: 64}
	m, err := model.Open(modeltest.Random(t, shape, 1))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	few := map[int][2][]float32{}
	for range 16 {
		var v [2][]float32
		for k := range v {
			for range width {
				v[k] = append(v[k], float32(rng.NormFloat64()/math.Sqrt(float64(width))))
			}
		}
		few[rng.IntN(features)] = v
	}
	dir := wide(t, width, features, few)
	base := model.Request{Rows: [][]int32{make([]int32, 15)}}.Capture(hook.ResidPost(0))
	for i := range base.Rows[0] {
		base.Rows[0][i] = int32(5*i + 3)
	}
	run := func(r *model.Result, err error) *model.Result {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	plain := run(m.Run(base)).At(hook.ResidPost(0)).Values()
	done("start")
	d, err := sae.Open(m, dir)
	if err != nil {
		t.Fatal(err)
	}
	done("open")
	f, err := d.Encode(plain)
	if err != nil {
		t.Fatal(err)
	}
	done("encode")
	which, fires := -1, 0
	for i, v := range f {
		want := 0.0
		if vectors, ok := few[i%features]; ok {
			for k, w := range vectors[0] {
				want += float64(w) * float64(plain[i/features*width+k])
			}
			want = max(want, 0)
		}
		if math.Abs(float64(v)-want) > 1e-4*(1+want) {
			t.Fatalf("feature %d at %d is %g, not %g", i%features, i/features, v, want)
		}
		if v > 0 {
			which, fires = i%features, fires+1
		}
	}
	if fires < 15 {
		t.Fatalf("%d features fire", fires)
	}
	steered := run(m.Run(base.Edit(d.Steer(which, 3)))).At(hook.ResidPost(0)).Values()
	done("steer")
	for i, v := range steered {
		want := plain[i] + (3-f[i/width*features+which])*few[which][1][i%width]
		if math.Abs(float64(v-want)) > 1e-4*(1+math.Abs(float64(want))) {
			t.Fatalf("value %d is %g, not %g", i, v, want)
		}
	}
	got := run(m.Run(base.Edit(d.Watch()).Capture(d.Point())))
	done("watch")
	for i, v := range got.At(d.Point()).Values() {
		if math.Abs(float64(v-f[i])) > 1e-4*(1+math.Abs(float64(f[i]))) {
			t.Fatalf("watched, feature %d at %d is %g, not %g", i%features, i/features, v, f[i])
		}
	}
	run(m.Run(base.Edit(d.Watch()).Capture(d.Point())))
	done("again")
	edit, err := d.Splice()
	if err != nil {
		t.Fatal(err)
	}
	run(m.Run(base.Edit(edit)))
	done("splice")
}
