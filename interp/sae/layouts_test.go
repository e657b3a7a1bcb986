package sae_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/sae"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/dictionary"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/weights"
)

// near holds values to SAELens'.
func near(t *testing.T, what string, got []float32, want *array.Array) {
	t.Helper()
	w := want.Values()
	if len(got) != len(w) {
		t.Errorf("%s: %d values, SAELens has %d", what, len(got), len(w))
		return
	}
	worst := 0.0
	for i := range w {
		worst = max(worst, math.Abs(float64(got[i]-w[i])))
	}
	if !(worst <= 1e-5) {
		t.Errorf("%s: off by %.2g", what, worst)
	}
}

func holds(t *testing.T, c *dictionary.Coder, o map[string]*array.Array, acts, forward string) {
	t.Helper()
	f, x, err := c.Forward(o["input"].Values())
	if err != nil {
		t.Fatal(err)
	}
	near(t, acts, f, o[acts])
	near(t, forward, x, o[forward])
	if o["decoded"] != nil && forward == "forward" && (c.Norm == "" || c.Norm == dictionary.NoNorm) {
		near(t, "decoded", c.Decode(f), o["decoded"])
	}
}

// TestSAELens opens every architecture that SAELens 6.54 writes, with and without
// folds, writes it and opens it again.
func TestSAELens(t *testing.T) {
	dirs, err := filepath.Glob("testdata/inference/*")
	if err != nil || len(dirs) != 15 {
		t.Fatal(len(dirs), err)
	}
	white := modeltest.OracleIn(t, "testdata", "whitening.safetensors")
	for _, dir := range dirs {
		name := filepath.Base(dir)
		t.Run(name, func(t *testing.T) {
			d, err := sae.Read(dir, sae.Options{})
			if name == "abstopk" || name == "matching_pursuit" {
				if err == nil || !strings.Contains(err.Error(), "architecture") {
					t.Errorf("it is refused by name: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := hook.ResidPost(1)
			if strings.Contains(name, "hook_z") {
				want = hook.Z(1)
			} else if strings.Contains(name, "transcoder") {
				want = hook.LN2Normalized(1)
				if !d.Transcoder() || !d.Write.Equal(hook.MLPOut(1)) || !d.BeforeGain {
					t.Errorf("it reads %s and writes %s", d.Read, d.Write)
				}
			}
			if !d.Read.Equal(want) || d.Model != "tiny-gpt2" {
				t.Errorf("%s", d)
			}
			o := modeltest.OracleIn(t, dir, "oracle.safetensors")
			holds(t, d.Coder, o, "acts", "forward")
			for fold, do := range map[string]func() (*dictionary.Coder, error){
				"fold_W_dec_norm": d.FoldNorms,
				"fold_scale_0.37": func() (*dictionary.Coder, error) { return d.FoldScales(0.37, 0.37) },
				"fold_whitening": func() (*dictionary.Coder, error) {
					return d.FoldWhitening(white["mean"].Values(), white["whitening"].Values(), white["unwhitening"].Values())
				},
			} {
				if o[fold+".acts"] == nil {
					continue
				}
				c, err := do()
				if err != nil {
					t.Errorf("%s: %v", fold, err)
					continue
				}
				if fold == "fold_whitening" && !d.Centre && name != "standard_no_b_dec_to_input" {
					continue
				}
				holds(t, c, o, fold+".acts", fold+".forward")
			}
			out := t.TempDir()
			if err := d.Save(out); err != nil {
				t.Fatal(err)
			}
			again, err := sae.Read(out, sae.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(again.WEnc, d.WEnc) || !slices.Equal(again.WDec, d.WDec) || !again.Read.Equal(d.Read) || !again.Write.Equal(d.Write) || again.Kind != d.Kind || again.BeforeGain != d.BeforeGain {
				t.Errorf("written and read again it is\n%s\nin place of\n%s", again, d)
			}
			holds(t, again.Coder, o, "acts", "forward")
		})
	}
}

// TestPublished opens the layouts of others, and holds them to SAELens' loaders.
func TestPublished(t *testing.T) {
	for _, test := range []struct {
		dir, oracle string
		options     sae.Options
		want        string
	}{
		{"gemma_scope/layer_1/width_16k/average_l0_10", "gemma_scope", sae.Options{Read: hook.ResidPost(1)}, "jumprelu SAE of 64 features at blocks.1.hook_resid_post"},
		{"gemma_scope_transcoder/layer_1/width_16k/average_l0_10", "gemma_scope_transcoder", sae.Options{}, "jumprelu transcoder of 64 features at blocks.1.ln2.hook_normalized, for blocks.1.hook_mlp_out"},
		{"llama_scope/L1R-2x", "llama_scope", sae.Options{}, "jumprelu SAE of 64 features at blocks.1.hook_resid_post"},
		{"dictionary_learning/AutoEncoder", "", sae.Options{}, "standard SAE of 64 features at blocks.1.hook_resid_post"},
		{"dictionary_learning/AutoEncoderTopK", "", sae.Options{}, "topk SAE of 64 features at blocks.1.hook_resid_post, k = 6"},
		{"dictionary_learning/BatchTopKSAE", "", sae.Options{}, "jumprelu SAE"},
		{"dictionary_learning/GatedAutoEncoder", "", sae.Options{}, "gated SAE"},
		{"dictionary_learning/JumpReluAutoEncoder", "", sae.Options{}, "jumprelu SAE"},
	} {
		t.Run(test.dir, func(t *testing.T) {
			dir := "testdata/foreign/" + test.dir
			if strings.HasPrefix(test.dir, "llama_scope") {
				dir = rounded(t, dir)
			}
			d, err := sae.Read(dir, test.options)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(d.String(), test.want) {
				t.Errorf("got %s\nwant %s", d, test.want)
			}
			if test.oracle == "" {
				test.oracle = test.dir
			}
			o := modeltest.OracleIn(t, "testdata/foreign/"+test.oracle, "oracle.safetensors")
			acts, forward := "acts", "forward"
			if o["folded.acts"] != nil { // ours are folded as they are opened
				acts, forward = "folded.acts", "folded.forward"
			}
			holds(t, d.Coder, o, acts, forward)
			same := "testdata/foreign/" + test.dir + "/same_tensors.safetensors"
			if _, err := os.Stat(same); err == nil {
				pt(t, "testdata/foreign/"+test.dir+"/ae.pt", same)
			}
		})
	}
}

// rounded is Llama Scope's files with weights in bfloat16, as SAELens' loader, which
// the oracle was made with, reads them.
func rounded(t *testing.T, dir string) string {
	t.Helper()
	s, err := weights.Open(dir + "/checkpoints/final.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var all []weights.Tensor
	for _, n := range s.Names() {
		shape, v, err := s.Float32(n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, weights.Tensor{Name: n, Shape: shape, Values: v})
	}
	out := t.TempDir()
	data, err := os.ReadFile(dir + "/hyperparams.json")
	if err == nil {
		err = os.Mkdir(out+"/checkpoints", 0o777)
	}
	if err == nil {
		err = weights.Write(out+"/checkpoints/final.safetensors", "BF16", all)
	}
	if err == nil {
		err = os.WriteFile(out+"/hyperparams.json", data, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// pt holds a .pt file's tensors to the same in a safetensors file, bit for bit.
func pt(t *testing.T, path, same string) {
	t.Helper()
	got, err := sae.ReadTorch(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := weights.Open(same)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if len(got) != len(s.Names()) {
		t.Errorf("%d tensors, not %d", len(got), len(s.Names()))
	}
	for _, n := range s.Names() {
		_, want, err := s.Float32(n)
		if err != nil || !slices.Equal(got[n], want) {
			t.Errorf("%s differs, %v", n, err)
		}
	}
}

// TestSparsify opens EleutherAI's files by sparsify's own code, which SAELens' loader
// cannot: the k largest of relu((x - b_dec) W_encᵀ + b).
func TestSparsify(t *testing.T) {
	dir := "testdata/foreign/sparsify/layers.1"
	d, err := sae.Read(dir, sae.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !d.Read.Equal(hook.ResidPost(1)) || d.K != 6 || !d.Centre {
		t.Errorf("%s", d)
	}
	w := modeltest.OracleIn(t, dir, "sae.safetensors")
	x := modeltest.OracleIn(t, "testdata/inference/standard", "oracle.safetensors")["input"].Values()[:32]
	type act struct {
		v float64
		i int
	}
	var acts []act
	for i := range 64 {
		v := w["encoder.bias"].At(i)
		for k := range 32 {
			v += (float64(x[k]) - w["b_dec"].At(k)) * w["encoder.weight"].At(i, k)
		}
		acts = append(acts, act{max(v, 0), i})
	}
	slices.SortFunc(acts, func(a, b act) int { return int(math.Copysign(1, b.v-a.v)) })
	want := make([]float64, 32)
	for k := range 32 {
		want[k] = w["b_dec"].At(k)
		for _, a := range acts[:6] {
			want[k] += a.v * w["W_dec"].At(a.i, k)
		}
	}
	_, got, err := d.Forward(x)
	if err != nil {
		t.Fatal(err)
	}
	for k := range want {
		if math.Abs(float64(got[k])-want[k]) > 1e-5 {
			t.Fatalf("coordinate %d is %g, not %g", k, got[k], want[k])
		}
	}
}

// TestBefore6 reads the flat configuration of SAELens before 6.0, and the processing
// that a card asks for.
func TestBefore6(t *testing.T) {
	dir := t.TempDir()
	data, err := os.ReadFile("testdata/inference/topk/sae_weights.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("sae_weights.safetensors", data)
	write("cfg.json", []byte(`{"model_name": "gpt2-small", "hook_point": "blocks.1.hook_resid_pre", "hook_point_head_index": null, "d_in": 32, "d_sae": 64,
		"activation_fn_str": "topk", "activation_fn_kwargs": {"k": 6}, "normalize_activations": false, "model_from_pretrained_kwargs": {"center_writing_weights": true}, "context_size": 128}`))
	d, err := sae.Read(dir, sae.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !d.Read.Equal(hook.ResidPre(1)) || d.K != 6 || !d.BOS || d.Context != 128 || !d.Processing.CenterWriting || d.Processing.FoldNorm {
		t.Errorf("%s, %+v", d, d.Processing)
	}
	holds(t, d.Coder, modeltest.OracleIn(t, "testdata/inference/topk", "oracle.safetensors"), "acts", "forward")
	write("cfg.json", []byte(`{"hook_point": "blocks.1.hook_resid_pre", "d_in": 16, "d_sae": 64}`))
	if _, err := sae.Read(dir, sae.Options{}); err == nil || !strings.Contains(err.Error(), "width 16") {
		t.Errorf("a wrong width: %v", err)
	}
	write("cfg.json", []byte(`{"hook_point": "blocks.1.hook_resid_prr", "d_in": 32, "d_sae": 64}`))
	if _, err := sae.Read(dir, sae.Options{}); err == nil || !strings.Contains(err.Error(), "hook_resid_pre") {
		t.Errorf("a wrong hook: %v", err)
	}
}

// TestPickleIsNotRun refuses a .pt file that calls anything, and every cut of one that
// does not.
func TestPickleIsNotRun(t *testing.T) {
	good, err := os.ReadFile("testdata/foreign/dictionary_learning/AutoEncoder/ae.pt")
	if err != nil {
		t.Fatal(err)
	}
	evil := bytes.Replace(good, []byte("torch._utils\n_rebuild_tensor_v2"), []byte("os\nsystem\n_rebuild_tensor_v2xxx"[:31]), 1)
	if bytes.Equal(evil, good) {
		t.Fatal("the file calls nothing: this test tests nothing")
	}
	path := filepath.Join(t.TempDir(), "x.pt")
	for i, data := range [][]byte{evil, []byte("\x80\x02not a zip"), good[:len(good)/2]} {
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := sae.ReadTorch(path); err == nil {
			t.Errorf("file %d is read", i)
		} else if i > 0 && !errors.Is(err, sae.ErrPickle) {
			t.Errorf("file %d: %v", i, err)
		}
	}
}

// FuzzTorch reads anything as a .pt file: tensors or an error, never a panic.
func FuzzTorch(f *testing.F) {
	for _, kind := range []string{"AutoEncoder", "BatchTopKSAE"} {
		data, err := os.ReadFile("testdata/foreign/dictionary_learning/" + kind + "/ae.pt")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { sae.ReadTorchBytes(data) })
}

// TestSAELensReadsOurs has SAELens open what golens writes, where Python has it.
func TestSAELensReadsOurs(t *testing.T) {
	python := os.Getenv("GOLENS_PYTHON")
	if python == "" {
		t.Skip("GOLENS_PYTHON does not name a Python that has sae-lens 6")
	}
	for _, name := range []string{"standard", "topk_rescaled", "jumprelu", "gated", "jumprelu_skip_transcoder"} {
		d, err := sae.Read("testdata/inference/"+name, sae.Options{})
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := d.Save(dir); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(python, "-c", `
import sys, torch
from safetensors.torch import load_file
from sae_lens.saes.sae import SAE
o = load_file(sys.argv[2] + "/oracle.safetensors")
s = SAE.load_from_disk(sys.argv[1])
with torch.no_grad(): print((s(o["input"]) - o["forward"]).abs().max().item())
`, dir, "testdata/inference/"+name).CombinedOutput()
		var worst float64
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if _, e := fmt.Sscan(lines[len(lines)-1], &worst); err != nil || e != nil || worst > 1e-4 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
