package supervisor

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golens/golens/kernel/shim"
)

func TestChildLog(t *testing.T) {
	var log bytes.Buffer
	c := &childLog{name: "gonb", to: &logger{w: &log},
		pick: func(l string) bool { return strings.HasPrefix(l, "F") },
		drop: remark.MatchString}
	for _, part := range []string{"I1124 10:00 noise\nFat", "al\r\n", "plain\nunfin", "ished"} {
		if _, err := c.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if got := log.String(); got != "golens: gonb: Fatal\n" {
		t.Errorf("logged %q", got)
	}
	if got := c.tail(); got != "\nFatal\nplain" {
		t.Errorf("kept %q", got)
	}
	for i := range 100 {
		fmt.Fprintf(c, "%d\n", i)
	}
	if n := strings.Count(c.tail(), "\n"); n != keepLines {
		t.Errorf("%d lines kept", n)
	}
	c.Write(bytes.Repeat([]byte("x"), 5*maxLine)) // never ends its line
	if len(c.part) >= maxLine {
		t.Errorf("%d bytes kept of one line", len(c.part))
	}
}

// TestBashEnv holds what every ! line begins with to what it is for: bash, run
// as gonb runs it, leaves its failure behind, and nobody else's bash does.
func TestBashEnv(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here, so no ! lines either; install bash")
	}
	dir := t.TempDir()
	failed, env := filepath.Join(dir, "it's failed"), filepath.Join(dir, "env")
	run := func(parent int, script string) string {
		t.Helper()
		if err := os.WriteFile(env, []byte(bashEnv(parent)), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(bash, "-c", script)
		cmd.Env = append(os.Environ(), "BASH_ENV="+env, shim.EnvShellFailed+"="+failed, "LC_ALL=C") // no word on a locale that is not there
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	status := func() string {
		data, _ := os.ReadFile(failed)
		os.Remove(failed)
		return string(data)
	}
	for _, test := range []struct {
		name, script string
		parent       int
		want         string
	}{
		{"well", "true", os.Getpid(), ""},
		{"fails", "exit 3", os.Getpid(), "3"},
		{"last command fails", "true; false", os.Getpid(), "1"},
		{"not found", "no-such-program-anywhere 2>/dev/null", os.Getpid(), "127"},
		{"a shell of a shell", "bash -c 'exit 3'; true", os.Getpid(), ""},
		{"not gonb's", "exit 3", 1, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			out := run(test.parent, test.script)
			if got := status(); got != test.want {
				t.Errorf("status %q, want %q (%s)", got, test.want, out)
			}
		})
	}
	run(os.Getpid(), "exit 4")
	if out := run(os.Getpid(), "echo ran"); out != "" {
		t.Errorf("a line after one that failed ran: %q", out)
	}
	if got := status(); got != "4" && got != "1" {
		t.Errorf("status %q", got)
	}
}
