package hub

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golens/golens/model/hub/hubtest"
)

func TestOffline(t *testing.T) {
	h := hubtest.New(t)
	h.Publish("gpt2", hubtest.CommitA, filesOf(10), "main")
	t.Setenv("HF_HUB_OFFLINE", "1")
	err := fails(t, "gpt2", config())
	if !errors.Is(err, ErrOffline) || !errors.Is(err, ErrNotCached) || len(h.Requests()) != 0 {
		t.Errorf("got %v, with requests %v", err, h.Requests())
	}
	t.Setenv("HF_HUB_OFFLINE", "")
	dir := get(t, "gpt2", config())
	t.Setenv("HF_HUB_OFFLINE", "yes")
	h.Forget()
	if again := get(t, "gpt2", config()); again != dir {
		t.Errorf("offline, the model is in %s", again)
	}
	c := config()
	c.Update = true
	if _, err := Get(context.Background(), ref(t, "gpt2"), c); !errors.Is(err, ErrOffline) {
		t.Errorf("an update offline: %v", err)
	}
	if len(h.Requests()) != 0 {
		t.Errorf("offline, and yet %v", h.Requests())
	}
}

func TestWithoutNetwork(t *testing.T) {
	h := hubtest.New(t)
	h.Publish("gpt2", hubtest.CommitA, filesOf(10), "main")
	dir := get(t, "gpt2", config())
	h.Front.Close()
	err := fails(t, "other", config())
	if !strings.Contains(err.Error(), "no answer from 127.0.0.1") || !strings.Contains(err.Error(), "(tried 2 times)") { // a machine without network says so soon
		t.Errorf("got %v", err)
	}
	if again := get(t, "gpt2", config()); again != dir {
		t.Errorf("without a network, the model is in %s", again)
	}
	// What Python fetches without a tokenizer may have none: without a network
	// that cannot be asked.
	if err := errors.Join(os.Remove(filepath.Join(dir, "tokenizer.json")), os.RemoveAll(filepath.Join(dir, "../../.no_exist"))); err != nil {
		t.Fatal(err)
	}
	if again := get(t, "gpt2", config()); again != dir {
		t.Errorf("without a network and a tokenizer, the model is in %s", again)
	}
}

func TestATokenizerThatPythonDidNotFetchIsFetched(t *testing.T) {
	h := hubtest.New(t)
	h.Publish("gpt2", hubtest.CommitA, filesOf(10), "main")
	dir := get(t, "gpt2", config())
	if err := errors.Join(os.Remove(filepath.Join(dir, "tokenizer.json")), os.RemoveAll(filepath.Join(dir, "../../.no_exist"))); err != nil {
		t.Fatal(err)
	}
	holds(t, get(t, "gpt2", config()), filesOf(10), "tokenizer.json")
}

func TestModelsWithoutATokenizerAreAskedForOnce(t *testing.T) {
	h := hubtest.New(t)
	bare := filesOf(10)
	delete(bare, "tokenizer.json")
	h.Publish("gpt2", hubtest.CommitA, bare, "main")
	get(t, "gpt2", config())
	h.Forget()
	if get(t, "gpt2", config()); len(h.Requests()) != 0 {
		t.Errorf("asked again: %v", h.Requests())
	}
}
