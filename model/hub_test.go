package model_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hub/hubtest"
	"github.com/golens/golens/model/modeltest"
)

// published is the tiny GPT-2 as the Hub would have it.
func published(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, name := range []string{"config.json", "model.safetensors"} {
		data, err := os.ReadFile(filepath.Join(modeltest.Dir(), name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = data
	}
	return files
}

func TestOpenFromTheHub(t *testing.T) {
	h := hubtest.New(t)
	h.Publish("org/tiny", hubtest.CommitA, published(t), "main", "step3000")
	var last model.Download
	ctx := model.WithDownload(context.Background(), func(d model.Download) { last = d })
	m, err := model.OpenContext(ctx, "org/tiny")
	if err != nil {
		t.Fatal(err)
	}
	folder, err := model.Open(modeltest.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if m.Info().Name != "org/tiny" || m.Info().Weights != folder.Info().Weights {
		t.Errorf("opened %s", m)
	}
	if last.Model != "org/tiny" || last.Done != last.Total || last.Total < len(published(t)["model.safetensors"]) {
		t.Errorf("the download was told of as %+v", last)
	}
	step, err := model.Open("org/tiny@step3000")
	if err != nil || step.Info().Name != "org/tiny@step3000" {
		t.Errorf("by revision: %v, %v", step, err)
	}
	h.Front.Close()
	if again, err := model.Open("org/tiny"); err != nil || again.Info().Weights != m.Info().Weights {
		t.Errorf("from the cache: %v, %v", again, err)
	}
}

func TestOpenCachedNeverDownloads(t *testing.T) {
	h := hubtest.New(t)
	h.Publish("org/tiny", hubtest.CommitA, published(t), "main")
	if _, err := model.OpenCached("org/tiny"); err == nil || !strings.Contains(err.Error(), "golens get org/tiny") {
		t.Errorf("not in the cache: %v", err)
	}
	if _, err := model.Open("org/tiny"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"org/tiny", "zoo:induction", modeltest.Dir()} {
		if _, err := model.OpenCached(name); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenSaysWhatToDo(t *testing.T) {
	h := hubtest.New(t)
	h.Publish("org/tiny", hubtest.CommitA, published(t), "main")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"no/such/folder":   {`there is no folder "no/such/folder"`, "names no model of the Hugging Face Hub", "zoo:induction"},
		"org/tinny":        {`there is no folder "org/tinny"`, "no such model", "zoo:induction"},
		"org/tiny@step1":   {`no such revision "step1"`, "golens get org/tiny@step1"},
		file:               {"is a file"},
		"zoo:no-such":      {`no model "no-such"`},
		"org/tiny@":        {"followed by a branch"},
		"./relative/no/it": {"there is no folder"},
	} {
		_, err := model.Open(name)
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: got %v, want %q", name, err, w)
			}
		}
	}
	t.Setenv("HF_HUB_OFFLINE", "1")
	h.Forget()
	_, err := model.Open("org/tiny")
	for _, w := range []string{"org/tiny is not in the Hugging Face cache", "HF_HUB_OFFLINE", "run `golens get org/tiny`"} {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("offline: got %v, want %q", err, w)
		}
	}
	if len(h.Requests()) != 0 {
		t.Errorf("offline, and yet %v", h.Requests())
	}
}

func TestAFolderComesBeforeTheHub(t *testing.T) {
	h := hubtest.New(t)
	h.Publish("tiny", hubtest.CommitA, nil, "main")
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "tiny"), os.DirFS(modeltest.Dir())); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if _, err := model.Open("tiny"); err != nil || len(h.Requests()) != 0 {
		t.Errorf("%v, requests %v", err, h.Requests())
	}
}

func TestOpenStops(t *testing.T) {
	h := hubtest.New(t)
	h.Publish("org/tiny", hubtest.CommitA, published(t), "main")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := model.OpenContext(ctx, "org/tiny"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
