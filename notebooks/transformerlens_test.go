package notebooks

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/golens/golens/interp/patch"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/kernel/nb"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/plotting"
)

// The calls of model/TRANSFORMERLENS.md, in programs: nb.Must stands for what a cell
// does with an error. They are compiled, and some are run in package model.
var _ = func(task *task.Task, scores *array.Array) {
	m := nb.Must(model.Open("gpt2"))
	nb.Must(model.Open("EleutherAI/pythia-70m@step3000"))
	nb.Must(m.Process(model.Standard))
	nb.Must(m.Checkpoint(3000))
	{
		text := "a text"
		m.Tokens(text)
	}
	text := m.Tokens("a text")
	nb.Must(m.Run(text.Capture(hook.Logits())))
	run := nb.Must(m.Run(text.Capture(hook.Pattern(1), hook.Z(1))))
	run.At(hook.Pattern(1))
	run.Stack(hook.Z(0), hook.Z(1))
	nb.Must(m.Run(text.Edit(hook.Z(1).Head(3).Zero())))
	hook.Z(1).Add(scores)
	hook.Z(1).Scale(2)
	hook.Z(1).Replace(scores)
	hook.Z(1).Freeze()
	hook.Z(1).FromSource()
	nb.Must(m.Run(text.Metric(model.NLL()))).Metric()
	nb.Must(m.Sweep(model.Sweep{}))
	nb.Must(patch.Residual(m, task))
	nb.Must(m.Complete(text.Complete(20).Sample(0.8, 1)))
	run = nb.Must(m.Run(text.Metric(model.NLL()).Grad(hook.Z(1))))
	run.Grad(hook.Z(1))
	plotting.Attention(run.At(hook.Pattern(1)))
	plotting.HeadMap(scores)
}

// TestTransformerLensPage: the calls of the page are those above.
func TestTransformerLensPage(t *testing.T) {
	page, err := os.ReadFile("../model/TRANSFORMERLENS.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("transformerlens_test.go")
	if err != nil {
		t.Fatal(err)
	}
	program := strings.ReplaceAll(string(source), "nb.Must(", "(") // the brackets that stay are harmless
	table, _, _ := strings.Cut(string(page), "\n## ")
	calls := 0
	for _, row := range regexp.MustCompile(`(?m)^\|.*\| (.*) \|$`).FindAllStringSubmatch(table, -1) {
		for _, code := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			call := strings.TrimPrefix(code[1], "run := ")
			if bare := regexp.MustCompile(`^[A-Z]\w+$`); bare.MatchString(call) {
				call = ")." + call + "(" // a method
			}
			start, _, _ := strings.Cut(call, "…")
			calls++
			if !strings.Contains(program, start) && !strings.Contains(program, strings.ReplaceAll(start, ").Metric()", ")).Metric()")) {
				t.Errorf("%s is not compiled here", code[1])
			}
		}
	}
	if calls < 20 {
		t.Errorf("%d calls: this test tests nothing", calls)
	}
}
