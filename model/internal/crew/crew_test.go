package crew

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCatch(t *testing.T) {
	want := errors.New("e")
	if err := Catch(func() error { return want }); err != want {
		t.Errorf("got %v", err)
	}
	if err := Catch(func() error { panic("p") }); err == nil || !strings.Contains(err.Error(), "internal error: p") {
		t.Errorf("got %v", err)
	}
}

func TestAPanicReachesWhoWaits(t *testing.T) {
	var g Group
	var list []int
	for i := range 10 {
		g.Go(func() { _ = list[i] })
	}
	err := Catch(func() error { g.Wait(); return nil })
	if err == nil || !strings.Contains(err.Error(), "index out of range") {
		t.Errorf("got %v", err)
	}
	var calm Group
	calm.Go(func() {})
	calm.Wait()
}

// A panic in a goroutine ends the host, and with it every model that is open. So what
// computes waits by a Group; these few wait by themselves, and catch what panics.
func TestWhatComputesWaitsByAGroup(t *testing.T) {
	own := []string{"hub/get.go", "internal/arch/plan.go", "internal/crew/crew.go", "internal/exec/work.go", "internal/queue/work.go"}
	found := 0
	root := os.DirFS("../..")
	if err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(root, path)
		if strings.Contains(string(text), "crew.Group") {
			found++
		}
		if strings.Contains(string(text), "sync.WaitGroup") && !slices.Contains(own, path) {
			t.Errorf("model/%s waits for goroutines whose panic would end the host: use crew.Group", path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if found < 5 {
		t.Errorf("only %d files use a Group: this test tests nothing", found)
	}
}
