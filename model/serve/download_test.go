package serve_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hub/hubtest"
	"github.com/golens/golens/model/modeltest"
)

// slowly publishes the tiny GPT-2 on a hub that sends half of its weights and
// the rest once goOn is closed. It counts downloads, and those that were given
// up.
func slowly(t *testing.T, goOn <-chan struct{}) (h *hubtest.Hub, downloads, ended *atomic.Int32) {
	t.Helper()
	files := map[string][]byte{}
	for _, name := range []string{"config.json", "model.safetensors"} {
		data, err := os.ReadFile(filepath.Join(modeltest.Dir(), name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = data
	}
	h = hubtest.New(t)
	h.Publish("org/tiny", hubtest.CommitA, files, "main")
	downloads, ended = &atomic.Int32{}, &atomic.Int32{}
	h.Fault = func(w http.ResponseWriter, r *http.Request, cdn bool) bool {
		if !cdn || r.Header.Get("Range") != "" {
			return false
		}
		downloads.Add(1)
		data := files["model.safetensors"]
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		w.Write(data[:len(data)/2])
		_ = http.NewResponseController(w).Flush()
		select {
		case <-goOn:
		case <-r.Context().Done():
			ended.Add(1)
		}
		w.Write(data[len(data)/2:])
		return true
	}
	return h, downloads, ended
}

func TestCellsShareADownload(t *testing.T) {
	goOn := make(chan struct{})
	_, downloads, _ := slowly(t, goOn)
	start(t)
	var wg, waiting sync.WaitGroup
	for range 2 {
		waiting.Add(1)
		wg.Go(func() {
			var last model.Download
			var once sync.Once
			m, err := model.OpenContext(model.WithDownload(context.Background(), func(d model.Download) {
				last = d
				once.Do(waiting.Done)
			}), "org/tiny")
			if err != nil || m.Info().Name != "org/tiny" {
				t.Errorf("%v, %v", m, err)
			}
			if last.Model != "org/tiny" || last.Done != last.Total || last.Total == 0 {
				t.Errorf("the last that was told is %+v", last)
			}
		})
	}
	waiting.Wait() // until both are told how far it is
	close(goOn)
	wg.Wait()
	if n := downloads.Load(); n != 1 {
		t.Errorf("downloaded %d times", n)
	}
}

// An interrupted cell ends the download, unless another cell waits for it too;
// the next cell goes on with it.
func TestInterruptedDownload(t *testing.T) {
	h, downloads, ended := slowly(t, nil)
	start(t)
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() {
		_, err := model.OpenContext(ctx, "org/tiny")
		stopped <- err
	}()
	for downloads.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	for arrived := false; !arrived; time.Sleep(time.Millisecond) {
		parts, _ := filepath.Glob(filepath.Join(os.Getenv("HF_HOME"), "hub", "models--org--tiny", "blobs", "*.incomplete"))
		for _, part := range parts {
			info, err := os.Stat(part)
			arrived = err == nil && info.Size() > 10_000 // more than config.json has
		}
	}
	cancel()
	if err := <-stopped; !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	for ended.Load() == 0 { // who comes sooner goes on with the download that is under way
		time.Sleep(time.Millisecond)
	}
	if _, err := model.Open("org/tiny"); err != nil {
		t.Fatal(err)
	}
	resumed := false
	for _, r := range h.Requests() {
		resumed = resumed || r.CDN && r.Range != ""
	}
	if !resumed {
		t.Errorf("begun anew: %+v", h.Requests())
	}
}

func TestCachedCellsDoNotDownload(t *testing.T) {
	_, downloads, _ := slowly(t, nil)
	start(t)
	if _, err := model.OpenCached("org/tiny"); err == nil || downloads.Load() != 0 {
		t.Errorf("%v, %d downloads", err, downloads.Load())
	}
	if _, err := model.OpenCached("zoo:induction"); err != nil {
		t.Error(err)
	}
}
