//go:build !golens_cell

package model_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// llama3 writes a model of Llama 3 8B's shape, but for the number of layers, with
// random weights in Q4_0, block by block: 4.5 GB with all 32. GOLENS_LARGER is a folder
// where it stays for the next run.
func llama3(t testing.TB, layers int) string {
	t.Helper()
	const width, keys, neurons, vocab = 4096, 1024, 14336, 128256
	rng := rand.NewChaCha8([32]byte{1})
	random := func(name string, rows, cols int) modeltest.GGUFTensor {
		size := int64(rows) * int64(cols) / 32 * 18
		return modeltest.GGUFTensor{Name: name + ".weight", Shape: []int{rows, cols}, Kind: 2, Bytes: size, Write: func(w io.Writer) error {
			some := make([]byte, 18*cols)
			for left := size; left > 0; left -= int64(len(some)) {
				some = some[:min(int64(len(some)), left)]
				if _, err := rng.Read(some); err != nil {
					return err
				}
				for at := 0; at < len(some); at += 18 {
					some[at], some[at+1] = 0, 0x1a // 0.003 as f16, by which whole numbers from -8 to 7 are multiplied
				}
				if _, err := w.Write(some); err != nil {
					return err
				}
			}
			return nil
		}}
	}
	ones := func(name string) modeltest.GGUFTensor {
		return modeltest.GGUFTensor{Name: name + ".weight", Shape: []int{width}, Bytes: 4 * width, Write: func(w io.Writer) error {
			for range width {
				if _, err := w.Write([]byte{0, 0, 0x80, 0x3f}); err != nil {
					return err
				}
			}
			return nil
		}}
	}
	all := []modeltest.GGUFTensor{random("token_embd", vocab, width), ones("output_norm"), random("output", vocab, width)}
	for l := range layers {
		block := func(name string) string { return fmt.Sprintf("blk.%d.%s", l, name) }
		all = append(all, ones(block("attn_norm")), ones(block("ffn_norm")),
			random(block("attn_q"), width, width), random(block("attn_k"), keys, width), random(block("attn_v"), keys, width), random(block("attn_output"), width, width),
			random(block("ffn_gate"), neurons, width), random(block("ffn_up"), neurons, width), random(block("ffn_down"), width, neurons))
	}
	size := func(key string, n int) modeltest.GGUFPair {
		return modeltest.GGUFPair{Key: "llama." + key, Value: uint32(n)}
	}
	pairs := []modeltest.GGUFPair{{Key: "general.architecture", Value: "llama"}, size("embedding_length", width), size("block_count", layers),
		size("feed_forward_length", neurons), size("attention.head_count", 32), size("attention.head_count_kv", 8), size("context_length", 8192),
		{Key: "llama.attention.layer_norm_rms_epsilon", Value: float32(1e-5)}, {Key: "llama.rope.freq_base", Value: float32(5e5)}}
	dir := os.Getenv("GOLENS_LARGER")
	path := filepath.Join(dir, fmt.Sprintf("llama3-%d.gguf", layers))
	if dir == "" {
		path = filepath.Join(t.TempDir(), "llama3.gguf")
	} else if _, err := os.Stat(path); err == nil {
		return path
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := modeltest.WriteGGUF(f, pairs, all); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// BenchmarkLarger is a sweep of 64 rows of 16 tokens through a model of Llama 3 8B's
// shape, held as published and, if as many layers fit, in float32: GOLENS_SLOW is
// their number, 32 for all, and GOLENS_WEIGHTS leaves one way. At 32 only the first
// way fits into 8 GB, which is an error if it does not.
func BenchmarkLarger(b *testing.B) {
	layers, err := strconv.Atoi(os.Getenv("GOLENS_SLOW"))
	if err != nil || layers < 2 {
		b.Skip("GOLENS_SLOW is not the number of layers")
	}
	path := llama3(b, layers)
	var ids [][]int32
	for row := range int32(8) {
		ids = append(ids, nil)
		for pos := range int32(16) {
			ids[row] = append(ids[row], (7919*row+104729*pos)%128256)
		}
	}
	for _, as := range []string{"published", "float32"} {
		if only := os.Getenv(model.WeightsEnv); layers == 32 && as == "float32" || only != "" && only != as {
			continue
		}
		b.Run(as, func(b *testing.B) {
			b.Setenv(model.WeightsEnv, as)
			m, err := model.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			defer m.Close()
			s := model.Sweep{Base: m.Rows(ids).Metric(model.LogitDiff(model.IDs(3), model.IDs(8)))}
			for h := range 8 { // from the first block on
				s.Variants = append(s.Variants, model.Variant{Edits: []hook.Edit{hook.Z(0).Head(h).Zero()}})
			}
			if layers < 32 { // compiles, and reads the file
				sweep(b, m, s)
			}
			b.ResetTimer()
			for range b.N {
				sweep(b, m, s)
			}
			most := modeltest.Memory("VmHWM")
			b.Logf("%.2f s, %.2f GB at most", b.Elapsed().Seconds()/float64(b.N), float64(most)/1e9)
			b.ReportMetric(float64(most)/1e9, "GB_at_most")
			if as == "published" && most > 8e9 {
				b.Errorf("%.1f GB at most; it must be 8", float64(most)/1e9)
			}
		})
	}
}
