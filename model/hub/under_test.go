package hub_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golens/golens/model/hub"
	"github.com/golens/golens/model/hub/hubtest"
)

// TestGetUnder brings a folder of a repository that is no model, and finds it again
// without a network.
func TestGetUnder(t *testing.T) {
	h := hubtest.New(t)
	commit := strings.Repeat("ab", 20)
	h.Publish("org/saes", commit, map[string][]byte{
		"README.md":                          []byte("a card"),
		"layer_1/width_16k/params.npz":       []byte("not really"),
		"layer_1/width_16k/more.safetensors": []byte("large"),
		"layer_2/width_16k/params.npz":       []byte("another"),
	}, "main")
	c := hub.Config{Cache: t.TempDir(), Endpoint: h.Front.URL}
	dir, err := hub.GetUnder(context.Background(), hub.Ref{ID: "org/saes"}, "layer_1/width_16k", c)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"params.npz": "not really", "more.safetensors": "large"} {
		if data, err := os.ReadFile(filepath.Join(dir, "layer_1", "width_16k", name)); err != nil || string(data) != want {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "layer_2")); err == nil {
		t.Error("what was not asked for was brought too")
	}
	c.Offline = true
	if again, err := hub.GetUnder(context.Background(), hub.Ref{ID: "org/saes"}, "layer_1/width_16k", c); err != nil || again != dir {
		t.Errorf("offline: %s, %v", again, err)
	}
	if _, err := hub.GetUnder(context.Background(), hub.Ref{ID: "org/saes"}, "layer_2", c); !errors.Is(err, hub.ErrNotCached) || !errors.Is(err, hub.ErrOffline) {
		t.Errorf("what is not there, offline: %v", err)
	}
	c.Offline = false
	if _, err := hub.GetUnder(context.Background(), hub.Ref{ID: "org/saes"}, "layer_9", c); err == nil || !strings.Contains(err.Error(), "layer_1") {
		t.Errorf("a folder that does not exist: %v", err)
	}
	if _, err := hub.GetUnder(context.Background(), hub.Ref{ID: "org/saes"}, "../up", c); err == nil {
		t.Error("a path out of the repository is taken")
	}
}
