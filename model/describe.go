//go:build !golens_cell

package model

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/arch"
)

// A Description is what a model's files say before any weight is read.
type Description struct {
	Name       string
	Config     config.Config    // with its warnings
	Tokenizer  string           // what reads texts, or why nothing does
	Begin, End []int32          // tokens that it puts around a text
	Stored     map[string]int64 // bytes of the weights in the files, by type
	Memory     int64            // the most bytes that the weights take as they run, in float32
	Held       string           // how the others lie in memory meanwhile, as in [Info]; "" if there are none
}

// Describe opens a model's files, as [Open] finds them, and reads no weights.
func Describe(ctx context.Context, name string) (*Description, error) {
	s, err := openSource(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	defer s.store.Close()
	d := &Description{Name: name, Config: s.config, Tokenizer: "none", Stored: map[string]int64{}}
	if d.Begin, d.End = s.around(); s.tokens != nil {
		d.Tokenizer = fmt.Sprintf("%d tokens", s.tokens.Size())
	} else if s.noTokens != nil {
		d.Tokenizer = s.noTokens.Error()
	}
	for _, tensor := range s.store.Names() {
		v, err := s.store.Tensor(tensor)
		if err != nil {
			return nil, err
		}
		d.Stored[v.DType] += int64(len(v.Bytes))
	}
	s.heldAs = os.Getenv(WeightsEnv)
	held, words, err := s.held(Processing{})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	d.Held, d.Memory = words, held.Bytes(s.raw, s.config.Layers)
	return d, nil
}

// String is a few lines.
func (d *Description) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\ntokenizer: %s", d.Name, d.Config, d.Tokenizer)
	if len(d.Begin)+len(d.End) > 0 {
		fmt.Fprintf(&b, ", puts %v before a text and %v after it", d.Begin, d.End)
	}
	var parts []string
	for _, dtype := range slices.Sorted(maps.Keys(d.Stored)) {
		parts = append(parts, fmt.Sprintf("%.1f MB of %s", float64(d.Stored[dtype])/1e6, dtype))
	}
	fmt.Fprintf(&b, "\nweights: %s; at most %.1f MB as they run, in float32", strings.Join(parts, ", "), float64(d.Memory)/1e6)
	if d.Held != "" {
		b.WriteString(", beside the file; " + d.Held)
	}
	for _, w := range d.Config.Warnings {
		b.WriteString("\nwarning: " + w)
	}
	return b.String()
}

// Families are the model types that can be opened, as config.json names them.
func Families() []string { return arch.Families() }

// ConfigKeys is a table of the keys that golens reads from the config.json of a
// family: what is taken where one is missing, and what it does. Other keys of
// transformers' own are known to change nothing; the rest are warnings.
func ConfigKeys(family string) (string, error) {
	keys, err := arch.Keys(family)
	if err != nil {
		return "", err
	}
	width := 0
	for _, k := range keys {
		width = max(width, len(k.Name))
	}
	var b strings.Builder
	for _, k := range keys {
		otherwise := k.Default
		if k.Only {
			otherwise = "only " + otherwise
		}
		fmt.Fprintf(&b, "%-*s  %-24s  %s\n", width, k.Name, otherwise, arch.Effect(k.Name))
	}
	return b.String(), nil
}
