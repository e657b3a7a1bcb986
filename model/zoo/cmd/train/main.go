// Command train trains the zoo's models and writes their folders.
//
//	go run ./model/zoo/cmd/train [-model godoc-2l] [-out DIR] [-seed 1] [-steps N] [-goroot DIR]
//	go run ./model/zoo/cmd/train -card [-model godoc-2l]
//
// Build with GOEXPERIMENT=simd, or name an engine such as xla:cpu in
// GOLENS_BACKEND. The second form only writes the card again, from
// training.json.
package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"github.com/golens/golens/model/zoo/internal/bilingual"
	"github.com/golens/golens/model/zoo/internal/godoc"
	"github.com/golens/golens/model/zoo/internal/ioi"
	"github.com/golens/golens/model/zoo/internal/ship"
)

// options are the flags.
type options struct {
	out, goroot string
	seed        uint64
	steps       int // 0: as many as the recipe says
	from        string
	fresh       bool
	rate        float64
}

// A recipe trains one model, or writes the card that its training.json gives.
type recipe struct {
	train func(context.Context, options) error
	card  func(training []byte) ([]byte, error)
}

var recipes = map[string]recipe{godoc.Name: {trainGodoc, cardOfGodoc}, ioi.Name: {trainIOI, cardOfIOI}, bilingual.Name: {trainBilingual, cardOfBilingual}}

func init() {
	for seed := range uint64(ioi.SmallSeeds) {
		for _, dropout := range []bool{false, true} {
			recipes[ioi.SmallName(dropout, seed+1)] = recipe{trainSmall(dropout, seed+1), cardOfIOI}
		}
	}
}

func main() {
	var o options
	name := flag.String("model", godoc.Name, "model to train: "+strings.Join(slices.Sorted(maps.Keys(recipes)), " or "))
	flag.StringVar(&o.out, "out", "", "folder to write to (default the model's own in model/zoo/files)")
	flag.Uint64Var(&o.seed, "seed", 1, "seed of the initial weights and of the rows")
	flag.IntVar(&o.steps, "steps", 0, "steps of training (default as many as the shipped model had)")
	flag.StringVar(&o.goroot, "goroot", "", "Go release whose comments are the text of "+godoc.Name+"; the one that runs this if empty")
	flag.StringVar(&o.from, "from", "", "folder of a smaller child of syntax-3l, saved by golens, which is trained on the same sentences; -out gets training.json alone")
	flag.BoolVar(&o.fresh, "fresh", false, "with -from: begin with random weights of the child's sizes")
	flag.Float64Var(&o.rate, "rate", 1e-3, "with -from: highest learning rate")
	card := flag.Bool("card", false, "write only MODEL_CARD.md, from training.json")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if o.out == "" {
		o.out = filepath.Join("model", "zoo", "files", *name)
	}
	r, ok := recipes[*name]
	var err error
	switch {
	case !ok:
		err = fmt.Errorf("there is no recipe for a model %q", *name)
	case *card:
		err = rewrite(o.out, r)
	default:
		err = r.train(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

// rewrite writes the card of what is in a folder.
func rewrite(out string, r recipe) error {
	raw, err := os.ReadFile(filepath.Join(out, "training.json"))
	if err != nil {
		return err
	}
	card, err := r.card(raw)
	if err != nil {
		return err
	}
	return ship.Write(out, map[string][]byte{"MODEL_CARD.md": card})
}
