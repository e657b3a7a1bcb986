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
	run, err := ioi.New(o.seed, o.steps)
	if err != nil {
		return err
	}
	return trainRun(ctx, o, run)
}

// trainSmall trains one of the small models, with dropout or without, from a seed.
func trainSmall(dropout bool, seed uint64) func(context.Context, options) error {
	return func(ctx context.Context, o options) error {
		if o.steps == 0 {
			o.steps = ioi.SmallSteps
		}
		run, err := ioi.NewSmall(dropout, seed, o.steps)
		if err != nil {
			return err
		}
		return trainRun(ctx, o, run)
	}
}

func trainRun(ctx context.Context, o options, run ioi.Run) error {
	b, err := backend.Open("")
	if err != nil {
		return err
	}
	s, drill := run.Settings, run.Drill
	r := ioi.Report{Name: run.Name, Settings: s, Backend: b.Describe(), KeptOut: ioi.KeptOut}
	fmt.Printf("%d tokens in the vocabulary, %d steps on %s\n", s.Model.Vocab, s.Steps, r.Backend)
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
	files := map[string][]byte{"tokenizer.json": run.Tokenizer}
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
