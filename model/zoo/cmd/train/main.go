// Command train trains the zoo's model of Go's documentation and writes its
// folder.
//
//	GOEXPERIMENT=simd go run ./model/zoo/cmd/train [-out DIR] [-seed 1] [-steps N] [-goroot DIR]
//	go run ./model/zoo/cmd/train -card
//
// GOLENS_BACKEND chooses the backend. The second form only writes the card
// again, from training.json.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"time"

	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/backend"
	"github.com/golens/golens/model/zoo"
	"github.com/golens/golens/model/zoo/internal/corpus"
	"github.com/golens/golens/model/zoo/internal/godoc"
	"github.com/golens/golens/model/zoo/internal/ship"
	"github.com/golens/golens/model/zoo/internal/training"
)

func main() {
	out := flag.String("out", filepath.Join("model", "zoo", "files", godoc.Name), "folder to write to")
	seed := flag.Uint64("seed", 1, "seed of the initial weights and of the rows")
	steps := flag.Int("steps", godoc.Steps, "steps of training")
	goroot := flag.String("goroot", "", "Go release whose comments are the text; the one that runs this if empty")
	card := flag.Bool("card", false, "write only MODEL_CARD.md, from training.json")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if *card {
		err = rewrite(*out)
	} else {
		err = run(ctx, *out, *goroot, godoc.Settings(*seed, *steps))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out, goroot string, s training.Settings) error {
	if goroot == "" {
		var err error
		if goroot, err = corpus.Root(); err != nil {
			return fmt.Errorf("%w; name one with -goroot", err)
		}
	}
	text, err := godoc.Read(os.DirFS(filepath.Join(goroot, "src")))
	if err != nil {
		return err
	}
	b, err := backend.Open("")
	if err != nil {
		return err
	}
	r := training.Report{
		Name: godoc.Name, Settings: s, Backend: b.Describe(),
		Text: training.TextReport{
			Go: runtime.Version(), Files: text.Files, Documents: len(text.Documents), Bytes: text.Bytes(),
			Tokens: len(text.Tokens), SHA256: text.Hash(),
		},
	}
	fmt.Printf("%d tokens of text, %d steps on %s\n", len(text.Tokens), s.Steps, r.Backend)
	files := map[string][]byte{"tokenizer.json": text.Tokenizer}
	var last arch.Params
	start := time.Now()
	err = training.Run(ctx, b, s, text.Tokens, func(p training.Point) {
		r.Points = append(r.Points, p)
		prefix, ph := training.Best(p.Prefix)
		previous, vh := training.Best(p.Previous)
		fmt.Printf("%5d %5.0fs  loss %.3f  text %.3f  repeated %.3f  prefix %d.%d %.2f  previous %d.%d %.2f\n",
			p.Step, time.Since(start).Seconds(), p.Loss, p.Text, p.Repeated,
			prefix, ph, p.Prefix[prefix][ph], previous, vh, p.Previous[previous][vh])
	}, func(step int, params arch.Params) (err error) {
		last = params // the last step is always kept
		files[zoo.StepFile(step)], err = ship.Weights(params)
		return err
	})
	if err != nil {
		return err
	}
	r.Seconds = time.Since(start).Seconds()
	if r.Without, err = training.Without(b, s.Model, last, s.Seed); err != nil {
		return err
	}
	if files["config.json"], err = ship.Config(s.Model); err != nil {
		return err
	}
	if files["training.json"], err = ship.JSON(r); err != nil {
		return err
	}
	if files["MODEL_CARD.md"], err = r.Card(); err != nil {
		return err
	}
	return ship.Write(out, files)
}

// rewrite writes the card of what is in out.
func rewrite(out string) error {
	raw, err := os.ReadFile(filepath.Join(out, "training.json"))
	if err != nil {
		return err
	}
	r, err := training.ParseReport(raw)
	if err != nil {
		return err
	}
	card, err := r.Card()
	if err != nil {
		return err
	}
	return ship.Write(out, map[string][]byte{"MODEL_CARD.md": card})
}
