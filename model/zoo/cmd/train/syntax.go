package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/backend"
	"github.com/golens/golens/model/weights"
	"github.com/golens/golens/model/zoo"
	"github.com/golens/golens/model/zoo/internal/ship"
	"github.com/golens/golens/model/zoo/internal/syntax"
	"github.com/golens/golens/model/zoo/internal/training"
)

func init() {
	for _, name := range []string{syntax.Plain, syntax.Suppressed, syntax.Promoted} {
		recipes[name] = recipe{trainSyntax(name), cardOfSyntax}
	}
}

// trainSyntax trains a masked model of the grammar.
func trainSyntax(name string) func(context.Context, options) error {
	return func(ctx context.Context, o options) error {
		if o.steps == 0 {
			o.steps = syntax.Steps
		}
		s := syntax.Settings(name, o.seed, o.steps)
		if o.from != "" {
			return trainChild(ctx, o)
		}
		b, err := backend.Open("")
		if err != nil {
			return err
		}
		files, err := syntax.Files(name)
		if err != nil {
			return err
		}
		config, err := syntax.ConfigJSON()
		if err != nil {
			return err
		}
		r := syntax.Report{Name: name, Settings: s, Backend: b.Describe()}
		start := time.Now()
		err = training.RunMasked(ctx, b, s, syntax.Drill(o.seed), func(p training.Point) {
			r.Points = append(r.Points, p)
			fmt.Printf("%5d %5.0fs  loss %.3f  held out %.3f  neighbours %.3f\n", p.Step, time.Since(start).Seconds(), p.Loss, p.Masked, p.Neighbours)
		}, func(step int, params arch.Params) error {
			raw, tensors, err := arch.Save(config, s.Model, s.Model, params)
			if err != nil {
				return err
			}
			files["config.json"] = raw
			files[zoo.StepFile(step)], err = weights.Encode(ship.DType, tensors)
			return err
		})
		if err != nil {
			return err
		}
		r.Seconds = time.Since(start).Seconds()
		if files["training.json"], err = ship.JSON(r); err != nil {
			return err
		}
		if files["MODEL_CARD.md"], err = r.Card(); err != nil {
			return err
		}
		return ship.Write(o.out, files)
	}
}

// trainChild trains a child of the plain model, or a random one of its sizes.
func trainChild(ctx context.Context, o options) error {
	c, params, err := ship.Load(os.DirFS(o.from))
	if err != nil {
		return err
	}
	if o.steps == syntax.Steps {
		o.steps = syntax.ChildSteps
	}
	s, drill := syntax.ChildSettings(c, o.seed, o.steps, o.rate), syntax.Drill(o.seed)
	if !o.fresh {
		drill.Initial = params
	}
	b, err := backend.Open("")
	if err != nil {
		return err
	}
	r := syntax.Report{Name: "child", Settings: s, Backend: b.Describe()}
	start := time.Now()
	err = training.RunMasked(ctx, b, s, drill, func(p training.Point) {
		r.Points = append(r.Points, p)
		fmt.Printf("%5d  loss %.3f  held out %.3f\n", p.Step, p.Loss, p.Masked)
	}, func(int, arch.Params) error { return nil })
	if err != nil {
		return err
	}
	r.Seconds = time.Since(start).Seconds()
	raw, err := ship.JSON(r)
	if err != nil {
		return err
	}
	return ship.Write(o.out, map[string][]byte{"training.json": raw})
}

func cardOfSyntax(raw []byte) ([]byte, error) {
	r, err := syntax.ParseReport(raw)
	if err != nil {
		return nil, err
	}
	return r.Card()
}
