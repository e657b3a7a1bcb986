package modeltest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Alone is true in a process that runs t and nothing else, so that what is counted of the
// process is t's own; elsewhere it starts one, with env beside the caller's environment,
// and reports what that says. It skips t where no process can be started.
//
//	if !modeltest.Alone(t) {
//		return
//	}
func Alone(t *testing.T, env ...string) bool {
	t.Helper()
	const alone = "GOLENS_TEST_ALONE"
	if os.Getenv(alone) == t.Name() {
		return true
	}
	self, err := os.Executable()
	if err != nil {
		t.Skipf("this program does not know its own file: %v", err)
	}
	name := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
	cmd := exec.CommandContext(t.Context(), self, "-test.run="+name, "-test.v", "-test.timeout=0")
	cmd.Env = append(append(os.Environ(), alone+"="+t.Name()), env...)
	out, err := cmd.CombinedOutput()
	switch said := string(out); {
	case err != nil:
		t.Errorf("%v\n%s", err, said)
	case strings.Contains(said, "--- SKIP: "+t.Name()+" "):
		t.Skip(said)
	case !strings.Contains(said, "--- PASS: "+t.Name()+" "):
		t.Errorf("its own process did not run it:\n%s", said)
	default:
		t.Log(said)
	}
	return false
}
