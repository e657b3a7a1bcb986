//go:build !golens_cell

package model_test

import (
	"testing"
	"time"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// The file's weights stay as they are, and the process takes little when nobody asks
// anything: 0.17 GB on the Go engine and 0.31 on XLA, where it takes 0.65 and 0.76 at work.
// What threads and allocators take by themselves, more on larger machines, is in both.
func TestSmolLM2AtRest(t *testing.T) {
	if modeltest.Memory("VmRSS") == 0 {
		t.Skip("the system does not say how much memory a process takes")
	}
	if !modeltest.Alone(t) {
		return
	}
	m := openSmolLM2(t)
	if m.Info().Held == "" {
		t.Error("a GGUF file's weights are all float32")
	}
	run(t, m, m.Tokens("When Mary and John went to the store").Capture(hook.Logits().At(-1)))
	working := modeltest.Memory("VmHWM")
	rest := working
	for began := time.Now(); working-rest < 300e6 && time.Since(began) < 4*time.Minute; rest = modeltest.Memory("VmRSS") {
		time.Sleep(time.Second)
	}
	t.Logf("%d MB at work, %d at rest", working/1e6, rest/1e6)
	if working-rest < 300e6 {
		t.Error("less than 300 MB have been given back")
	}
}
