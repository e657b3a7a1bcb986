package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// asCommand is the variable that makes a test's program the command.
const asCommand = "GOLENS_TEST_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// The command as a shell runs it, with the host that it becomes. The oracle is
// what model/verify/oracle.py wrote with --float64 --tokens 5 9 11 4 2 8 1 33 70 96.
func TestVerify(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: builds golens-host; run without -short")
	}
	const (
		folder = "../../../model/modeltest/testdata/"
		oracle = "-oracle=testdata/qwen3_oracle.safetensors"
	)
	for _, test := range []struct {
		name string
		args []string
		ok   bool
		want []string // in what it prints
	}{
		{"a shipped model", []string{"zoo:induction"}, true,
			[]string{"zoo:induction against zoo:induction on go", "32 tokens", "blocks.1.attn.hook_pattern", "unembedding centred, value biases folded", "values and outputs refactored", "100.0%"}},
		{"tokens", []string{"zoo:induction", "-tokens", "1,2,3"}, true, []string{"3 tokens"}},
		{"an oracle", []string{oracle, folder + "qwen3"}, true,
			[]string{"against qwen3_oracle.safetensors, 10 tokens", "blocks.2.hook_resid_pre", "raw weights", "norms folded", "100.0%"}},
		{"another model", []string{folder + "mistral", oracle}, false, []string{"nats away from qwen3_oracle.safetensors"}},
		{"fewer layers", []string{"zoo:induction", oracle}, false, []string{"tensor attentions.2: the model has 2 layers"}},
		{"no model", []string{"zoo:nothing"}, false, []string{`zoo: there is no model "nothing"`}},
		{"no token", []string{"zoo:induction", "-tokens", "1,x"}, false, []string{`"x" is no token id`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], append([]string{"verify"}, test.args...)...)
			cmd.Env = append(cmd.Environ(), asCommand+"=1", "GOLENS_BACKEND=go")
			out, err := cmd.CombinedOutput()
			if (err == nil) != test.ok {
				t.Errorf("it ends with %v", err)
			}
			for _, want := range test.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("it does not say %q", want)
				}
			}
			if t.Failed() {
				t.Logf("%s", out)
			}
		})
	}
}
