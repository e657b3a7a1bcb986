package hub

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestOffline(t *testing.T) {
	h := newFakeHub(t)
	h.publish("gpt2", commitA, files(10), "main")
	t.Setenv("HF_HUB_OFFLINE", "1")
	err := fails(t, "gpt2", h.config())
	if !errors.Is(err, ErrOffline) || !errors.Is(err, ErrNotCached) || len(h.requests()) != 0 {
		t.Errorf("got %v, with requests %v", err, h.requests())
	}
	t.Setenv("HF_HUB_OFFLINE", "")
	dir := get(t, "gpt2", h.config())
	t.Setenv("HF_HUB_OFFLINE", "yes")
	h.forget()
	if again := get(t, "gpt2", h.config()); again != dir {
		t.Errorf("offline, the model is in %s", again)
	}
	c := h.config()
	c.Update = true
	if _, err := Get(context.Background(), ref(t, "gpt2"), c); !errors.Is(err, ErrOffline) {
		t.Errorf("an update offline: %v", err)
	}
	if len(h.requests()) != 0 {
		t.Errorf("offline, and yet %v", h.requests())
	}
}

func TestWithoutNetwork(t *testing.T) {
	h := newFakeHub(t)
	h.publish("gpt2", commitA, files(10), "main")
	dir := get(t, "gpt2", h.config())
	h.hub.Close()
	start := time.Now()
	err := fails(t, "other", h.config())
	if !strings.Contains(err.Error(), "no answer from 127.0.0.1") || time.Since(start) > time.Second {
		t.Errorf("got %v after %s", err, time.Since(start))
	}
	if again := get(t, "gpt2", h.config()); again != dir {
		t.Errorf("without a network, the model is in %s", again)
	}
	// What Python fetches without a tokenizer may have none: without a network
	// that cannot be asked.
	if err := errors.Join(os.Remove(filepath.Join(dir, "tokenizer.json")), os.RemoveAll(filepath.Join(dir, "../../.no_exist"))); err != nil {
		t.Fatal(err)
	}
	if again := get(t, "gpt2", h.config()); again != dir {
		t.Errorf("without a network and a tokenizer, the model is in %s", again)
	}
}

func TestATokenizerThatPythonDidNotFetchIsFetched(t *testing.T) {
	h := newFakeHub(t)
	h.publish("gpt2", commitA, files(10), "main")
	dir := get(t, "gpt2", h.config())
	if err := errors.Join(os.Remove(filepath.Join(dir, "tokenizer.json")), os.RemoveAll(filepath.Join(dir, "../../.no_exist"))); err != nil {
		t.Fatal(err)
	}
	holds(t, get(t, "gpt2", h.config()), files(10), "tokenizer.json")
}

func TestModelsWithoutATokenizerAreAskedForOnce(t *testing.T) {
	h := newFakeHub(t)
	bare := files(10)
	delete(bare, "tokenizer.json")
	h.publish("gpt2", commitA, bare, "main")
	get(t, "gpt2", h.config())
	h.forget()
	if get(t, "gpt2", h.config()); len(h.requests()) != 0 {
		t.Errorf("asked again: %v", h.requests())
	}
}
