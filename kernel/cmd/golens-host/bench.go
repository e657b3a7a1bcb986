package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/golens/golens/interp/bench"
	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/random"
)

// benchAnalysis prints what an analysis costs on a model, or on random weights
// in GPT-2 small's shape if none is named.
func benchAnalysis(out, progress io.Writer, args []string) error {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	name := f.String("model", "", "")
	prompts := f.Int("prompts", 100, "")
	greedy := f.Int("greedy", 0, "")
	asJSON := f.Bool("json", false, "")
	if err := f.Parse(args[1:]); err != nil { // the front has checked that there is an analysis
		return err
	}
	if args[0] != "ioi" {
		return fmt.Errorf("bench: there is no analysis %q; there is ioi", args[0])
	}
	if *prompts < 1 {
		return fmt.Errorf("bench ioi: %d prompts; at least one is needed", *prompts)
	}
	os.Unsetenv(model.SocketEnv) // in this process, whose memory is measured
	if *name == "" {
		fmt.Fprintln(progress, "golens: bench: drawing weights")
		dir, err := randomGPT2(random.GPT2Small)
		if err != nil {
			return fmt.Errorf("bench ioi: %w", err)
		}
		defer os.RemoveAll(dir)
		*name = dir
	}
	m, err := model.Open(*name)
	if err != nil {
		return fmt.Errorf("bench ioi: %w", err)
	}
	defer m.Close()
	r, err := bench.IOI(m, bench.Options{Prompts: *prompts, Greedy: circuit.Greedy{Runs: *greedy}, Progress: func(s bench.Stage) {
		fmt.Fprintf(progress, "golens: bench: %s: %s\n", s.Name, time.Duration(s.Seconds*float64(time.Second)).Round(time.Millisecond))
	}})
	if err != nil {
		return err
	}
	if *asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	_, err = fmt.Fprint(out, r)
	return err
}

// randomGPT2 writes a GPT-2 with random weights and a tokenizer to a temporary
// folder.
func randomGPT2(s random.Shape) (dir string, err error) {
	if dir, err = os.MkdirTemp("", "golens-random-"+s.Name+"-"); err != nil {
		return "", err
	}
	tokenizer, err := bench.Tokenizer(s.Vocab)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "tokenizer.json"), tokenizer, 0o644)
	}
	if err == nil {
		err = random.GPT2(dir, s, "F32", 1)
	}
	if err != nil {
		os.RemoveAll(dir)
		return "", err
	}
	debug.FreeOSMemory() // what writing took is no part of the analysis
	return dir, nil
}
