package kerneltest_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/golens/golens/kernel/kerneltest"
	"github.com/golens/golens/kernel/render"
	"github.com/golens/golens/kernel/session"
)

// The variables that make TestRandomKills longer, and that repeat a run of it.
const (
	killTrials = "GOLENS_TEST_KILLS" // how many processes are killed; 4 without it
	killSeed   = "GOLENS_TEST_SEED"
)

func number(t *testing.T, variable string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// clear matches an error that says to a person what happened.
var clear = regexp.MustCompile(`kernel ended|signal: killed|model host|was killed|gonb|exit status|compile|build|interrupted|program|undefined: m\b`) // m: the cell that declares it was killed

// hangs is after how long a cell of a trial is given up: they take a second.
const hangs = 5 * time.Minute

// load is what the cells of a trial do: build, ask the model, print, run a shell
// and programs, and fail.
func load(t *testing.T) []string {
	return []string{
		openModel(t),
		"%%\nfor i := range 5 { fmt.Println(i); time.Sleep(20 * time.Millisecond) }",
		"%%\nnb.Must(m.Run(m.Rows([][]int32{{1, 2, 3}}).Metric(model.NLL())))\nfmt.Println(\"asked\")",
		"!sleep 0.2; echo shell",
		"%%\nvar list []int\nfmt.Println(list[len(list)])", // fails
		"func f() int { return 7 }\n%%\nfmt.Println(f())",
	}
}

// Whatever process of a kernel is killed, whenever: no process and no file is
// left after the next start, the notebook is as it was, a report is whole or is
// not there, and who waits for a cell is told what happened.
func TestRandomKills(t *testing.T) {
	trials, seed := number(t, killTrials, 4), number(t, killSeed, 1)
	random := rand.New(rand.NewPCG(seed, 2))
	told := map[string]int{}
	for i := range trials {
		delay := time.Duration(random.IntN(1500)) * time.Millisecond
		pick := random.IntN(1 << 20)
		p := newPlace(t)
		var victim string
		if i%4 == 3 {
			victim = p.renderTrial(delay, pick, told)
		} else {
			victim = p.cellTrial(delay, pick, told)
		}
		p.start().Close() // sweeps what was left
		p.gone()
		if t.Failed() {
			t.Fatalf("trial %d of seed %d: %s was killed after %v", i, seed, victim, delay)
		}
		t.Logf("trial %d: %s after %v", i, victim, delay)
	}
	for what, n := range told {
		t.Logf("%d times: %s", n, what)
	}
}

// kill kills one of the kernel's processes after a while and says which.
func (p *place) killOne(delay time.Duration, pick int) string {
	time.Sleep(delay)
	all := p.processes()
	if len(all) == 0 {
		return "nothing"
	}
	q := all[pick%len(all)]
	if err := syscall.Kill(q.pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		p.t.Error(err)
	}
	name, _, _ := strings.Cut(q.name, "_")
	return name
}

// cellTrial kills while cells run, one after another.
func (p *place) cellTrial(delay time.Duration, pick int, told map[string]int) (victim string) {
	t := p.t
	s := p.start(kerneltest.Gopls)
	defer s.Close()
	killed := make(chan string, 1)
	go func() { killed <- p.killOne(delay, pick) }()
	for round := 0; ; round++ {
		for n, code := range load(t) {
			ctx, cancel := context.WithTimeout(context.Background(), hangs)
			_, err := s.Execute(ctx, code, session.Limits{}, nil)
			cancel()
			var failed *session.CellError
			switch {
			case err == nil:
			case errors.Is(err, context.DeadlineExceeded):
				t.Errorf("cell %d hangs (%v); there are %v", n, err, p.processes())
				return <-killed
			case errors.Is(err, session.ErrDead):
				note(t, told, err)
				return <-killed
			case errors.As(err, &failed) && n != 4:
				note(t, told, err)
			}
		}
		select {
		case victim = <-killed:
			if round > 0 { // a whole round after the kill: the kernel goes on
				return victim
			}
			killed <- victim
		default:
		}
	}
}

func note(t *testing.T, told map[string]int, err error) {
	t.Helper()
	first, _, _ := strings.Cut(err.Error(), "\n")
	if !clear.MatchString(err.Error()) {
		t.Errorf("this says nothing to a person: %v", err)
	}
	told[regexp.MustCompile(`\d+|/\S+`).ReplaceAllString(first, "…")]++
}

// renderTrial kills while a notebook is rendered.
func (p *place) renderTrial(delay time.Duration, pick int, told map[string]int) (victim string) {
	t := p.t
	dir := t.TempDir()
	notebook, report := filepath.Join(dir, "n.ipynb"), filepath.Join(dir, "n.html")
	const text = `{"cells": [{"cell_type": "code", "metadata": {}, "execution_count": null, "outputs": [], "source": "%%\nfor range 10 { fmt.Println(1); time.Sleep(100 * time.Millisecond) }"}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}`
	if err := os.WriteFile(notebook, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", p.dir)
	t.Setenv("XDG_RUNTIME_DIR", p.dir)
	killed := make(chan string, 1)
	go func() { killed <- p.killOne(delay, pick) }()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	err := render.Run(ctx, render.Config{Notebook: notebook, Executed: filepath.Join(dir, "out.ipynb"), Kernel: kerneltest.Command(t), Env: []string{p.mark, "TMPDIR=" + p.dir, "XDG_RUNTIME_DIR=" + p.dir}})
	if ctx.Err() != nil {
		t.Errorf("rendering hangs: %v", err)
	}
	if err != nil {
		note(t, told, err)
	}
	victim = <-killed
	if data, err := os.ReadFile(notebook); err != nil || string(data) != text {
		t.Errorf("the notebook holds %d bytes, %v", len(data), err)
	}
	if data, err := os.ReadFile(report); err == nil && !bytes.HasSuffix(bytes.TrimSpace(data), []byte("</html>")) {
		t.Error("half a report was written")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	return victim
}
