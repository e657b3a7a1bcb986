package main

import (
	"context"
	"fmt"
)

func benchCommand(ctx context.Context, args []string) error {
	f := flags("bench", `usage: golens bench [flags] ioi

Runs a whole analysis and prints what each stage of it costs: time, with what is
compiled for it, the most memory that was resident, and the share of its sweeps'
operations in those of one full pass for every variant.

ioi is indirect object identification: prompts, path patching of every head to
the logits and back to queries, keys and values, what heads do, knock-outs with
faithfulness, completeness and minimality. What it finds is not shown.

Without a model it takes random weights in the shape of GPT-2 small, which cost
what GPT-2 small costs and take half a gigabyte in the temporary folder
(TMPDIR). GOLENS_BACKEND chooses the engine.`)
	name := f.String("model", "", "`model` to run it on, as in golens get (default: random weights)")
	prompts := f.Int("prompts", 100, "`number` of prompts")
	greedy := f.Int("greedy", 0, "greedy `searches` for an incomplete circuit, of up to 200 passes each (the paper: 10)")
	asJSON := f.Bool("json", false, "print JSON instead of a table")
	rest, err := parse(f, args, 1)
	if err != nil {
		return err
	}
	if rest[0] != "ioi" {
		return wrong("bench: there is no analysis %q; there is ioi", rest[0])
	}
	if *prompts < 1 || *greedy < 0 {
		return wrong("bench: %d prompts, %d searches; at least one prompt is needed", *prompts, *greedy)
	}
	return becomeHost(ctx, []string{"bench", rest[0], "-model=" + *name, fmt.Sprintf("-prompts=%d", *prompts), fmt.Sprintf("-greedy=%d", *greedy), fmt.Sprintf("-json=%t", *asJSON)})
}
