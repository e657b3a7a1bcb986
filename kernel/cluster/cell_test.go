package cluster_test

import (
	"net"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/golens/golens/kernel/cluster"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/serve"
)

// A cell asks its model host, and the host deals: the same answer, progress, plan and
// status reach the cell.
func TestCellsReachTheCluster(t *testing.T) {
	s := startServer(t, cluster.Options{})
	startWorker(t, s.Join).until(t, "worker ")
	here := local(t)
	sweep := heads(here, 8, 9)
	want, err := here.Sweep(sweep)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(model.ClusterEnv, s.Join)
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	host := &http.Server{Handler: serve.New()}
	go host.Serve(l)
	t.Cleanup(func() { host.Close() })
	t.Setenv(model.SocketEnv, socket)
	m, err := model.Open(modeltest.Dir())
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	got, err := m.SweepContext(model.WithProgress(t.Context(), func(done, _ int) { told = done }), sweep)
	if err != nil {
		t.Fatal(err)
	}
	if err := modeltest.SameSweep(want, got); err != nil {
		t.Error(err)
	}
	if len(got.Computed) != 1 || told == 0 {
		t.Errorf("computed by %v, told of %d rows", got.Computed, told)
	}
	if plan, err := m.Explain(sweep); err != nil || plan.Messages == 0 {
		t.Errorf("explained as %v, %v", plan, err)
	}
	first := settled(t, m, 1)
	if again := settled(t, m, 1); again.Workers[0].Up <= first.Workers[0].Up {
		t.Errorf("status %v, then %v", first, again)
	}
}
