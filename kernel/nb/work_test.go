//go:build !golens_cell

package nb

import (
	"net"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/interp/heads"
	"github.com/golens/golens/interp/ioi"
	"github.com/golens/golens/interp/lens"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/serve"
)

// Searches whose model is in a host, as a cell's is, tell of themselves and have their
// names.
func TestWorkOfSearchesThatRun(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: serve.New()}
	go srv.Serve(l)
	defer srv.Close()
	t.Setenv(model.SocketEnv, l.Addr().String())
	m, err := model.Open("zoo:induction")
	if err != nil {
		t.Fatal(err)
	}
	planted, err := model.Open("zoo:ioi-planted")
	if err != nil {
		t.Fatal(err)
	}
	prompts, err := task.IOI(planted, task.IOIOptions{N: 4, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	s := &discover.Search{Model: planted, Task: prompts.Task}
	scores, err := s.Scores(discover.Scoring{Method: discover.InputsIG})
	if err != nil {
		t.Fatal(err)
	}
	defer model.OnProgress(nil)
	for want, search := range map[string]func() error{
		"heads.Induction":       func() error { _, err := heads.Induction(m, heads.Repeated{Len: 4, Times: 2}); return err },
		"discover.Search.ACDC":  func() error { _, err := s.ACDC(discover.ACDC{Threshold: 5}); return err },
		"discover.Search.Judge": func() error { _, err := s.Judge(scores, discover.Judgement{}); return err },
		"discover.Search.Masks": func() error { _, err := s.Masks(discover.Masks{Steps: 2}); return err },
		"ioi.Find":              func() error { _, err := ioi.Find(planted, prompts, ioi.Options{}); return err },
		"lens.Tune": func() error {
			_, err := lens.Tune{Steps: 2, Batch: 2}.Tune(m, m.Rows([][]int32{{1, 2}, {3, 4}}))
			return err
		},
	} {
		names := map[string]bool{}
		model.OnProgress(func(int, int) { names[work()] = true })
		if err := search(); err != nil {
			t.Errorf("%s: %v", want, err)
		}
		if len(names) != 1 || !names[want] {
			t.Errorf("%s is named %v", want, names)
		}
	}
}
