package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/verify"
)

// backendEnv is the variable that forces an engine, read when a model is opened.
const backendEnv = "GOLENS_BACKEND"

// verifyModel prints how far a model is from an oracle, on every engine that is
// here, raw and processed. Without an oracle the engines are held against the
// first of them.
func verifyModel(out io.Writer, args []string) error {
	f := flag.NewFlagSet("verify", flag.ContinueOnError)
	oracle := f.String("oracle", "", "")
	tokens := f.String("tokens", "", "")
	name := args[0] // the front has checked that there is one
	if err := f.Parse(args[1:]); err != nil {
		return err
	}
	backends := []string{"go", "xla:cpu", "xla:cuda"}
	if forced := os.Getenv(backendEnv); forced != "" {
		backends = []string{forced}
	}
	os.Unsetenv(model.SocketEnv) // in this process, whose engines we choose
	if os.Getenv(model.WeightsEnv) == "" {
		os.Setenv(model.WeightsEnv, "published:1MB") // each block runs but once or twice
	}
	debug.SetGCPercent(2) // what a large vocabulary takes is at work all the time
	var against *verify.Oracle
	var table *verify.Table
	for i, backend := range backends {
		os.Setenv(backendEnv, backend)
		m, err := model.Open(name)
		if err != nil {
			if i > 0 && strings.HasPrefix(backend, "xla") { // an engine that is not installed
				fmt.Fprintf(os.Stderr, "golens: verify: without %s: %v\n", backend, err)
				continue
			}
			return err
		}
		if against == nil {
			if against, err = reference(m, *oracle, *tokens); err != nil {
				return err
			}
		}
		part, err := verify.Compare(m, against, verify.Views(m.Config())...)
		if err != nil {
			return err
		}
		if table == nil {
			table = part
		} else {
			table.Add(part)
		}
		if err := m.Close(); err != nil {
			return err
		}
		debug.FreeOSMemory() // the next engine has memory of its own
	}
	fmt.Fprint(out, table)
	return table.Err()
}

// reference is the oracle that was given, or what the model computes itself.
func reference(m *model.Model, oracle, tokens string) (*verify.Oracle, error) {
	if oracle != "" && tokens != "" {
		return nil, errors.New("an oracle has tokens of its own; leave out -tokens")
	}
	if oracle != "" {
		return verify.Read(oracle, m.Config())
	}
	c := m.Config()
	rows := [][]int32{{}}
	for _, text := range strings.FieldsFunc(tokens, func(r rune) bool { return r == ',' || r == ' ' }) {
		id, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("-tokens: %q is no token id", text)
		}
		rows[0] = append(rows[0], int32(id))
	}
	if tokens == "" {
		rng := rand.New(rand.NewPCG(1, 0)) // the same tokens each time
		for range min(32, c.Context) {
			rows[0] = append(rows[0], rng.Int32N(int32(c.Vocab)))
		}
	}
	return verify.Record(m, rows)
}
