package render

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// Provenance says what made a report.
type Provenance struct {
	Notebook   string        // file name
	Hash       string        // SHA-256 of the notebook as it was read
	Golens     string        // version and revision
	Go         string        // of the cells
	System     string        // operating system, architecture, processors
	Started    time.Time     // of the run
	Took       time.Duration // of the run
	Parameters []string      // that the run set, as name=value
	Models     []Model       // that the cells asked, in the order of first use
}

// Model is a model that cells asked, as the model host reports it.
type Model struct {
	Model      string         // as it was opened
	Config     string         // family and sizes
	Weights    string         // hash of their content
	Processing string         // of the weights
	Backend    string         // the engine that ran it
	Requests   map[string]int // number by verb
}

// fact is one line of the provenance block.
type fact struct{ Name, Value string }

func (p Provenance) list() []fact {
	facts := []fact{
		{"Notebook", strings.TrimSpace(p.Notebook + " " + short("sha256 ", p.Hash))},
		{"golens", p.Golens},
		{"Go", p.Go},
		{"System", p.System},
	}
	if !p.Started.IsZero() {
		facts = append(facts, fact{"Run", p.Started.UTC().Format("2006-01-02 15:04 UTC") + fmt.Sprintf(", %.1f s", p.Took.Seconds())})
	}
	facts = append(facts, fact{"Parameters", strings.Join(p.Parameters, ", ")})
	for _, m := range p.Models {
		facts = append(facts, fact{"Model", m.String()})
	}
	return slices.DeleteFunc(facts, func(f fact) bool { return f.Value == "" })
}

// String is one line.
func (m Model) String() string {
	parts := []string{m.Model + " " + short("", m.Config), "weights sha256 " + m.Weights, m.Processing, "backend " + m.Backend}
	for _, verb := range slices.Sorted(maps.Keys(m.Requests)) {
		parts = append(parts, plural(m.Requests[verb], verb+" request"))
	}
	return strings.Join(parts, "; ")
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func short(label, text string) string {
	if text == "" {
		return ""
	}
	return "(" + label + text + ")"
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// GolensVersion returns the version of golens and, for a working copy, the
// revision that git names in dir.
func GolensVersion(ctx context.Context, dir string) string {
	version := "development"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		version = info.Main.Version
	}
	git := func(args ...string) (string, error) {
		out, err := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...).Output()
		return strings.TrimSpace(string(out)), err
	}
	rev, err := git("rev-parse", "--short=12", "HEAD")
	if err != nil { // not a repository, or no git: the version must do
		return version
	}
	if changed, err := git("status", "--porcelain", "--untracked-files=no"); err == nil && changed != "" {
		rev += " with local changes"
	}
	return version + ", revision " + rev
}

// System describes the machine.
func System() string {
	return fmt.Sprintf("%s/%s, %d processors", runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
}
