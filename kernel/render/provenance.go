package render

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// Provenance says what made a report.
type Provenance struct {
	Notebook string         // file name
	Hash     string         // SHA-256 of the notebook as it was read
	Golens   string         // version and revision
	Go       string         // of the cells
	System   string         // operating system, architecture, processors
	Started  time.Time      // of the run
	Took     time.Duration  // of the run
	Host     map[string]any // what the model host reports: models, weights, backend, processing, seeds
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
	var names []string
	for name := range p.Host {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		facts = append(facts, flatten(name, p.Host[name])...)
	}
	return slices.DeleteFunc(facts, func(f fact) bool { return f.Value == "" })
}

func short(label, hash string) string {
	if hash == "" {
		return ""
	}
	return "(" + label + hash + ")"
}

// flatten turns what the host reports into lines: a list of objects gives a
// line each, an object its fields on one line.
func flatten(name string, v any) []fact {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		var plain []string
		var facts []fact
		for _, item := range v {
			if _, isMap := item.(map[string]any); isMap {
				facts = append(facts, flatten(name, item)...)
			} else {
				plain = append(plain, fmt.Sprint(item))
			}
		}
		if len(plain) > 0 {
			facts = append(facts, fact{label(name), strings.Join(plain, ", ")})
		}
		return facts
	case map[string]any:
		var parts []string
		for key, item := range v {
			if text := inline(item); text != "" {
				parts = append(parts, key+" "+text)
			}
		}
		slices.Sort(parts)
		if first, ok := v["name"].(string); ok { // the name leads, without its key
			parts = slices.DeleteFunc(parts, func(s string) bool { return s == "name "+first })
			parts = append([]string{first}, parts...)
		}
		return []fact{{label(name), strings.Join(parts, " · ")}}
	}
	return []fact{{label(name), inline(v)}}
}

func inline(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case float64:
		return strings.TrimSuffix(fmt.Sprintf("%v", v), ".0")
	case []any:
		var parts []string
		for _, item := range v {
			parts = append(parts, inline(item))
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprint(v)
}

// label makes a field's name one for people.
func label(name string) string {
	name = strings.ReplaceAll(name, "_", " ")
	if name == "" {
		return name
	}
	return strings.ToUpper(name[:1]) + name[1:]
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
