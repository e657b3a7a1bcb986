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
	"github.com/golens/golens/model/zoo/internal/bilingual"
	"github.com/golens/golens/model/zoo/internal/ship"
	"github.com/golens/golens/model/zoo/internal/training"
)

// trainBilingual trains the model of two languages.
func trainBilingual(ctx context.Context, o options) error {
	if o.goroot == "" {
		var err error
		if o.goroot, err = gotext.Root(); err != nil {
			return fmt.Errorf("%w; name one with -goroot", err)
		}
	}
	if o.steps == 0 {
		o.steps = bilingual.Steps
	}
	texts, err := bilingual.Read(os.DirFS(filepath.Join(o.goroot, "src")))
	if err != nil {
		return err
	}
	b, err := backend.Open("")
	if err != nil {
		return err
	}
	s := bilingual.Settings(o.seed, o.steps)
	r := bilingual.Report{Name: bilingual.Name, Go: runtime.Version(), Languages: bilingual.Languages, Bytes: texts.Bytes, SHA256: texts.SHA256, Settings: s, Backend: b.Describe()}
	for _, t := range texts.Tokens {
		r.Tokens = append(r.Tokens, len(t))
	}
	fmt.Printf("%d tokens of text, %d steps on %s\n", r.Tokens, s.Steps, r.Backend)
	var last arch.Params
	start := time.Now()
	err = training.RunDrill(ctx, b, s, texts.Drill(o.seed), func(p training.Point) {
		r.Points = append(r.Points, p)
		fmt.Printf("%5d %5.0fs  loss %.3f\n", p.Step, time.Since(start).Seconds(), p.Loss)
	}, func(_ int, params arch.Params) error {
		last = params
		return nil
	})
	if err != nil {
		return err
	}
	r.Seconds = time.Since(start).Seconds()
	files := map[string][]byte{"tokenizer.json": texts.Tokenizer}
	if files["config.json"], err = bilingual.ConfigJSON(s.Model); err != nil {
		return err
	}
	if files["model.safetensors"], err = bilingual.Weights(last); err != nil {
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

func cardOfBilingual(raw []byte) ([]byte, error) {
	r, err := bilingual.ParseReport(raw)
	if err != nil {
		return nil, err
	}
	return r.Card()
}
