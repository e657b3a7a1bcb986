package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/golens/golens/model/corpus/gotext"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/backend"
	"github.com/golens/golens/model/zoo"
	"github.com/golens/golens/model/zoo/internal/godoc"
	"github.com/golens/golens/model/zoo/internal/ship"
	"github.com/golens/golens/model/zoo/internal/training"
)

// trainGodoc trains the model of Go's documentation.
func trainGodoc(ctx context.Context, o options) error {
	if o.goroot == "" {
		var err error
		if o.goroot, err = gotext.Root(); err != nil {
			return fmt.Errorf("%w; name one with -goroot", err)
		}
	}
	if o.steps == 0 {
		o.steps = godoc.Steps
	}
	s := godoc.Settings(o.seed, o.steps)
	text, err := godoc.Read(os.DirFS(filepath.Join(o.goroot, "src")))
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
	return ship.Write(o.out, files)
}

func cardOfGodoc(raw []byte) ([]byte, error) {
	r, err := training.ParseReport(raw)
	if err != nil {
		return nil, err
	}
	return r.Card()
}
