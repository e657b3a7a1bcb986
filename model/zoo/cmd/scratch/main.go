package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"
	"time"
	"sort"
	"math"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/backend"
	"github.com/golens/golens/model/zoo/internal/corpus"
	"github.com/golens/golens/model/zoo/internal/training"
)

var word = regexp.MustCompile(` ?[A-Za-z]+| ?[0-9]+| ?[^ \nA-Za-z0-9]+|\s+`)

func bpe(docs []string, vocab int) []int32 {
	ids := map[string]int{}
	var words [][]int32
	var counts []int
	var seq []int32 // word indexes, -1 for doc break
	for _, d := range docs {
		seq = append(seq, -1)
		for _, w := range word.FindAllString(d, -1) {
			i, ok := ids[w]
			if !ok {
				i = len(words)
				ids[w] = i
				b := make([]int32, len(w))
				for j := range w {
					b[j] = int32(w[j]) + 1
				}
				words = append(words, b)
				counts = append(counts, 0)
			}
			counts[i]++
			seq = append(seq, int32(i))
		}
	}
	name := make([]string, 257)
	for i := range 256 { name[i+1] = string(rune(i)) }
	for n := int32(257); int(n) < vocab; n++ {
		pc := map[[2]int32]int{}
		for i, w := range words {
			for j := 0; j+1 < len(w); j++ {
				pc[[2]int32{w[j], w[j+1]}] += counts[i]
			}
		}
		best, bc := [2]int32{}, 0
		for p, c := range pc {
			if c > bc || c == bc && (p[0] < best[0] || p[0] == best[0] && p[1] < best[1]) {
				best, bc = p, c
			}
		}
		name = append(name, name[best[0]]+name[best[1]])
		for i, w := range words {
			k := 0
			for j := 0; j < len(w); j++ {
				if j+1 < len(w) && w[j] == best[0] && w[j+1] == best[1] {
					w[k] = n
					j++
				} else {
					w[k] = w[j]
				}
				k++
			}
			words[i] = w[:k]
		}
	}
	var out []int32
	for _, s := range seq {
		if s < 0 {
			out = append(out, 0)
			continue
		}
		out = append(out, words[s]...)
	}
	fmt.Println("sample tokens:", strings.Join(name[vocab-60:], "|"))
	return out
}

func main() {
	d := flag.Int("d", 96, "")
	heads := flag.Int("heads", 6, "")
	vocab := flag.Int("vocab", 1024, "")
	ctx := flag.Int("ctx", 128, "")
	steps := flag.Int("steps", 1500, "")
	batch := flag.Int("batch", 32, "")
	lr := flag.Float64("lr", 3e-3, "")
	rep := flag.Float64("rep", 0, "")
	warm := flag.Int("warm", 100, "")
	every := flag.Int("every", 100, "")
	seed := flag.Uint64("seed", 1, "")
	beta2 := flag.Float64("beta2", 0.99, "")
	flag.Parse()
	t0 := time.Now()
	text, err := corpus.Read(os.DirFS(runtime.GOROOT() + "/src"))
	if err != nil { panic(err) }
	tokens := bpe(text.Documents, *vocab)
	fmt.Println("tokens", len(tokens), "bytes/token", float64(text.Bytes())/float64(len(tokens)), time.Since(t0))
	b, err := backend.Open("")
	if err != nil { panic(err) }
	fmt.Println(b.Describe())
	bos := 0
	c := config.Config{Family: "attn_only", Layers: 2, DModel: *d, Heads: *heads, KVHeads: *heads, DHead: *d / *heads, Vocab: *vocab, Context: *ctx, Norm: "layernorm", Eps: 1e-5, Position: "learned", BOS: &bos}
	c.Scale = 1 / math.Sqrt(float64(c.DHead))
	s := training.Settings{Model: c, Seed: *seed, Steps: *steps, Batch: *batch, LearningRate: *lr, FinalRate: *lr / 10, WarmUp: *warm, Beta2: *beta2, Repeats: *rep, LogEvery: *every}
	err = training.Run(context.Background(), b, s, tokens, func(p training.Point) {
		fmt.Printf("%5d %6.1fs loss %.3f text %.3f icl %+.3f rand first %.2f rep %.2f | prefix %s %s | prev %s %s\n", p.Step, p.Elapsed.Seconds(), p.Loss, p.Text, p.InContext, p.First, p.Repeated, f(p.Prefix[0]), f(p.Prefix[1]), f(p.Previous[0]), f(p.Previous[1]))
	}, func(int, arch.Params) error { return nil })
	if err != nil { panic(err) }
}
func f(x []float64) string { s := ""; _ = sort.Float64s; for _, v := range x { s += fmt.Sprintf("%3.0f", v*100) }; return s }
