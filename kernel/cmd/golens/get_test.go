package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golens/golens/model/hub"
	"github.com/golens/golens/model/hub/hubtest"
)

func TestGetModel(t *testing.T) {
	h := hubtest.New(t)
	h.Publish("org/tiny", hubtest.CommitA, map[string][]byte{"config.json": []byte("{}"), "model.safetensors": make([]byte, 1000)}, "main", "step3000")
	var err error
	var out string
	errs := said(t, &os.Stderr, func() {
		out = said(t, &os.Stdout, func() { err = run(context.Background(), []string{"get", "org/tiny@step3000"}) })
	})
	dir := filepath.Join(os.Getenv("HF_HOME"), "hub", "models--org--tiny", "snapshots", hubtest.CommitA)
	if err != nil || out != "org/tiny@step3000, commit aaaaaaaaaaaa, is in "+dir+"\n" || errs != "" {
		t.Errorf("%v, %q, %q", err, out, errs)
	}
	if err := run(context.Background(), []string{"get", "org/none"}); !errors.Is(err, hub.ErrRepository) || !strings.HasPrefix(err.Error(), "get: org/none: no such model") {
		t.Errorf("got %v", err)
	}
}

func TestGetDrawsOneLine(t *testing.T) {
	text := said(t, &os.Stderr, func() {
		b := &bar{out: os.Stderr, live: true}
		b.draw(hub.Progress{Model: "gpt2", Done: 0, Total: 548_105_171})
		b.draw(hub.Progress{Model: "gpt2", Done: 137_026_293, Total: 548_105_171, Rate: 50e6, Left: 8e9})
		b.end()
	})
	want := "\r[........................] 0 B of 548 MB\x1b[K\r[######..................] 137 MB of 548 MB, 50.0 MB/s, 8s left\x1b[K\n"
	if text != want {
		t.Errorf("got %q", text)
	}
}
