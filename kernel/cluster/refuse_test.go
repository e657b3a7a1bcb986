package cluster_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golens/golens/kernel/cluster"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/modeltest"
)

func writeJoin(t *testing.T, url, token, ca string) string {
	t.Helper()
	data, err := json.Marshal(map[string]string{"url": url, "token": token, "ca": ca})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "join.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Whoever may not join is told why, and no error says a secret.
func TestRefusesToJoin(t *testing.T) {
	s := startServer(t, cluster.Options{})
	data, err := os.ReadFile(s.Join)
	if err != nil {
		t.Fatal(err)
	}
	var join map[string]string
	if err := json.Unmarshal(data, &join); err != nil {
		t.Fatal(err)
	}
	secret := strings.Repeat("b", 64)
	open := writeJoin(t, join["url"], join["token"], join["ca"])
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, where, want string }{
		{"a wrong token", writeJoin(t, join["url"], secret, join["ca"]), "refuses the token"},
		{"no token", writeJoin(t, join["url"], "", join["ca"]), "refuses the token"},
		{"no certificate", writeJoin(t, join["url"], join["token"], ""), "certificate is not one that is trusted"},
		{"no TLS", writeJoin(t, strings.Replace(join["url"], "tls", "nats", 1), join["token"], ""), "certificate is not one that is trusted"},
		{"a file that others can read", open, "can be read by others"},
		{"no file", filepath.Join(t.TempDir(), "none"), "neither the address of a server nor the file"},
		{"an option that there is not", "nats://127.0.0.1:1?password=" + secret, "an option that is none"},
		{"a token's file that is not there", "nats://127.0.0.1:1?token=/none", "it is read from a file"},
		{"nobody listens", "nats://user:" + secret + "@127.0.0.1:1", "nats://127.0.0.1:1"},
	} {
		_, err := model.OpenContext(model.WithCluster(t.Context(), test.where), modeltest.Dir())
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; it should say %q", test.name, err, test.want)
		} else if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), join["token"]) {
			t.Errorf("%s: the error says the secret: %v", test.name, err)
		}
	}
}

// A server without TLS that is not on this machine gets nothing.
func TestSendsNothingUnencrypted(t *testing.T) {
	plain := startServer(t, cluster.Options{Plain: true})
	if _, err := model.OpenContext(model.WithCluster(t.Context(), plain.Address), modeltest.Dir()); err != nil {
		t.Errorf("on this machine: %v", err)
	}
	if _, err := cluster.Start(cluster.Options{Folder: t.TempDir(), Plain: true, Listen: "0.0.0.0:0"}); err == nil || !strings.Contains(err.Error(), "listens to this machine alone") {
		t.Errorf("a server without TLS for the network: %v", err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Skip(err)
	}
	_, err = model.OpenContext(model.WithCluster(t.Context(), strings.Replace(plain.Address, "127.0.0.1", host, 1)), modeltest.Dir())
	if err == nil || !strings.Contains(err.Error(), "does not encrypt") && !strings.Contains(err.Error(), "refused") && !strings.Contains(err.Error(), "no servers available") {
		t.Errorf("by a name of the network: %v", err)
	}
	if err := os.Chmod(filepath.Dir(plain.Join), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.Start(cluster.Options{Folder: filepath.Dir(plain.Join), Listen: "127.0.0.1:0"}); err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Errorf("a folder that others look into: %v", err)
	}
}

// Workers with other weights or another processing take no work, and both
// sides say why.
func TestWorkersOfAnotherKind(t *testing.T) {
	s := startServer(t, cluster.Options{})
	other := t.TempDir()
	if err := os.CopyFS(other, os.DirFS(modeltest.Dir())); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(other, "model.safetensors")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	workers := map[string]*process{
		"other weights":      startWorker(t, s.Join, "GOLENS_TEST_MODEL="+other),
		"another processing": startWorker(t, s.Join, "GOLENS_TEST_PROCESSING=standard"),
	}
	for _, w := range workers {
		w.until(t, "worker ")
	}
	t.Setenv("GOLENS_CLUSTER_WAIT", "3s")
	m := dealer(t, s.Join)
	for want, w := range workers { // asked again until the client has heard of both
		for began := time.Now(); ; {
			_, err = m.Sweep(heads(m, 8, 1))
			if err == nil {
				t.Fatal("somebody did it")
			}
			if strings.Contains(err.Error(), want) {
				break
			}
			if time.Since(began) > 4*time.Minute {
				t.Fatalf("the client is not told of %s: %v", want, err)
			}
		}
		w.until(t, want)
	}
	emptied(t, m)
}

// A cell that is interrupted leaves no work; what was done is not done again.
func TestCancelAndAskAgain(t *testing.T) {
	s := startServer(t, cluster.Options{})
	w := startWorker(t, s.Join)
	w.until(t, "worker ")
	m, here := dealer(t, s.Join), local(t)
	ask := heads(m, 24, 6)
	ctx, cancel := context.WithCancel(t.Context())
	inner := model.WithProgress(ctx, func(done, total int) {
		if done > total/3 {
			cancel()
		}
	})
	if _, err := m.SweepContext(inner, ask); err == nil {
		t.Skip("it was done before it was interrupted")
	}
	emptied(t, m)
	got, err := m.Sweep(ask)
	if err != nil {
		t.Fatal(err)
	}
	want, err := here.Sweep(ask)
	if err != nil {
		t.Fatal(err)
	}
	if err := modeltest.SameSweep(want, got); err != nil {
		t.Error(err)
	}
	w.kill() // what was computed is not computed again: nobody is there to do so
	if got, err = m.Sweep(ask); err != nil {
		t.Fatal(err)
	}
	if err := modeltest.SameSweep(want, got); err != nil {
		t.Error(err)
	}
}
