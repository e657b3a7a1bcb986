package main

import (
	"context"
	"fmt"
	"time"

	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/backend"
	"github.com/golens/golens/model/zoo/internal/ioi"
	"github.com/golens/golens/model/zoo/internal/ship"
	"github.com/golens/golens/model/zoo/internal/training"
)

// trainIOI trains the model that does indirect object identification.
func trainIOI(ctx context.Context, o options) error {
	if o.steps == 0 {
		o.steps = ioi.Steps
	}
	words, err := ioi.Tokenizer()
	if err != nil {
		return err
	}
	drill, size, err := ioi.Drill(words, o.seed)
	if err != nil {
		return err
	}
	b, err := backend.Open("")
	if err != nil {
		return err
	}
	s := ioi.Settings(size, o.seed, o.steps)
	r := ioi.Report{Name: ioi.Name, Settings: s, Backend: b.Describe(), KeptOut: ioi.KeptOut}
	fmt.Printf("%d tokens in the vocabulary, %d steps on %s\n", size, s.Steps, r.Backend)
	var last arch.Params
	start := time.Now()
	err = training.RunDrill(ctx, b, s, drill, func(p training.Point) {
		r.Points = append(r.Points, p)
		fmt.Printf("%5d %5.0fs  loss %.3f ", p.Step, time.Since(start).Seconds(), p.Loss)
		for _, t := range p.Tests {
			fmt.Printf("  accuracy %.3f difference %5.2f", t.Accuracy, t.Diff)
		}
		fmt.Println()
	}, func(_ int, params arch.Params) error {
		last = params
		return nil
	})
	if err != nil {
		return err
	}
	r.Seconds = time.Since(start).Seconds()
	if r.Without, err = training.ExamineWithout(b, s.Model, last, drill.Tests[len(drill.Tests)-1]); err != nil {
		return err
	}
	files := map[string][]byte{"tokenizer.json": words}
	if files["config.json"], err = ship.Config(s.Model); err != nil {
		return err
	}
	if files["model.safetensors"], err = ship.Weights(last); err != nil {
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

func cardOfIOI(raw []byte) ([]byte, error) {
	r, err := ioi.ParseReport(raw)
	if err != nil {
		return nil, err
	}
	return r.Card()
}
