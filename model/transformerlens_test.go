package model_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

// The calls of TRANSFORMERLENS.md, on a model that ships.
func Example_transformerLens() {
	m, err := model.Open("zoo:induction")
	if err != nil {
		fmt.Println(err)
		return
	}
	text := m.Tokens("the cat sat the cat")
	run, err := m.Run(text.Capture(hook.Pattern(1), hook.Z(0), hook.Z(1), hook.Logits()))
	if err != nil {
		fmt.Println(err)
		return
	}
	edited, err := m.Run(text.Edit(hook.Z(1).Head(1).Zero()).Metric(model.NLL()).Grad(hook.Z(1)))
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := m.Explain(model.Sweep{Base: text.Metric(model.NLL()), Variants: []model.Variant{{Edits: []hook.Edit{hook.Z(0).Head(0).Zero()}}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := hook.Parse("blocks.1.attn.hook_pattern")
	fmt.Println(p.String() == hook.Pattern(1).String(), err)
	fmt.Println(len(run.At(hook.Pattern(1)).Shape()), run.Stack(hook.Z(0), hook.Z(1)).Err(), edited.Grad(hook.Z(1)).Err(), plan != nil)
	// Output:
	// true <nil>
	// 4 <nil> <nil> true
}

// TestPageNamesTests: what the page says is seen in a test is a test.
func TestPageNamesTests(t *testing.T) {
	page, err := os.ReadFile("TRANSFORMERLENS.md")
	if err != nil {
		t.Fatal(err)
	}
	links := regexp.MustCompile("\\[`(Test\\w+)`\\]\\(([^)]+)\\)").FindAllStringSubmatch(string(page), -1)
	if len(links) < 8 {
		t.Fatalf("%d links: this test tests nothing", len(links))
	}
	for _, l := range links {
		source, err := os.ReadFile(filepath.FromSlash(l[2]))
		if err != nil || !strings.Contains(string(source), "func "+l[1]+"(") {
			t.Errorf("%s is not in %s (%v)", l[1], l[2], err)
		}
	}
}
