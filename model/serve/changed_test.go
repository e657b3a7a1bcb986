package serve_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/serve"
)

// copied is the tiny model in a folder of the test's own.
func copied(t *testing.T) (dir, weights string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(modeltest.Dir())); err != nil {
		t.Fatal(err)
	}
	return dir, filepath.Join(dir, "model.safetensors")
}

// A model that was trained on and saved again is another: who opens it gets it,
// and its hash. Who has it open is told where reading goes on in a changed file.
func TestChangedWeights(t *testing.T) {
	dir, path := copied(t)
	start(t)
	old, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1 // the sign or exponent of the last value keeps it a number
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Second) // a clock may be coarse
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	if _, err := old.Process(model.Processing{FoldNorm: true}); err == nil || !strings.Contains(err.Error(), "has changed since it was opened") {
		t.Errorf("a view of it: %v", err)
	}
	again, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if again.Info().Weights == old.Info().Weights {
		t.Error("other weights go under the old hash")
	}
	if _, err := again.Process(model.Processing{FoldNorm: true}); err != nil {
		t.Error(err)
	}
	if _, err := old.Run(old.Rows([][]int32{{1, 2}}).Metric(model.NLL())); err == nil || !strings.Contains(err.Error(), "have changed since it was opened: open it again") {
		t.Errorf("the old one: %v", err)
	}
	if third, err := model.Open(dir); err != nil || third.Info().Weights != again.Info().Weights {
		t.Errorf("got %v", err)
	}
}

// A file that is cut while its model is open ends no host.
func TestCutWeights(t *testing.T) {
	dir, path := copied(t)
	start(t)
	m, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 5000); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Process(model.Processing{FoldNorm: true}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
	if _, err := model.Open(dir); err == nil {
		t.Error("half a model opened")
	}
	if _, err := model.Open(modeltest.Dir()); err != nil {
		t.Errorf("the host is gone: %v", err)
	}
}

func TestProductsKeepToTheBudget(t *testing.T) {
	_, m, _ := sides(t)
	vocab := m.Config().Vocab
	chain := model.Chain{model.WE(), model.WU()}
	chains := make([]model.Chain, (4<<30)/(4*vocab*vocab)+1)
	for i := range chains {
		chains[i] = chain
	}
	if _, err := m.Products(chains...); err == nil || !strings.Contains(err.Error(), "over the budget of 4.29 GB") {
		t.Errorf("got %v", err)
	}
	if _, err := m.Product(chain...); err != nil {
		t.Error(err)
	}
}

// An answer that cannot be sent is an error that says so, and not the end of the
// connection.
func TestAnswersTooLargeToSend(t *testing.T) {
	startAs(t, serve.SendUpTo(20_000))
	m, err := model.Open(modeltest.Dir())
	if err != nil {
		t.Fatal(err)
	}
	large := m.Rows([][]int32{make([]int32, 60)}).Capture(hook.Pattern(0), hook.Pattern(1))
	if _, err := m.Run(large); err == nil || !strings.Contains(err.Error(), "can be sent; select heads or positions") {
		t.Errorf("got %v", err)
	}
	if _, err := m.Run(m.Rows([][]int32{{1, 2}}).Capture(hook.Pattern(0))); err != nil {
		t.Error(err)
	}
}
