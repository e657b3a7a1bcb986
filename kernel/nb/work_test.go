//go:build !golens_cell

package nb

import (
	"net"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/golens/golens/interp/heads"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/serve"
)

// The stack of a search whose model is in a host, as a cell's is, is as the names
// above say.
func TestWorkOfASearchThatRuns(t *testing.T) {
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
	names := map[string]bool{}
	model.OnProgress(func(int, int) { names[work()] = true })
	defer model.OnProgress(nil)
	if _, err := heads.Induction(m, heads.Repeated{Len: 4, Times: 2}); err != nil {
		t.Fatal(err)
	}
	if len(names) != 1 || !names["heads.Induction"] {
		t.Errorf("named %v", names)
	}
}
