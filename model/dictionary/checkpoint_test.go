package dictionary

import (
	"errors"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestCheckpoint writes a checkpoint and reads it; one that cannot be written, as on
// a full disk, leaves the one before as it was.
func TestCheckpoint(t *testing.T) {
	tr, err := NewTrainer(Settings{Method: LearnJumpReLU, Features: 6, Steps: 9}, 4, 4, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := plant(6, 4, 1)
	r, err := tr.Step(p.rows(32), nil)
	if err != nil {
		t.Fatal(err)
	}
	tr.since[2] = 1<<20 + 3 // more than a float32 holds with its neighbours
	c := Checkpoint{State: tr.State(), Settings: tr.Settings, In: 4, Out: 4, Scales: [2]float64{1.0 / 3, 2}, Tokens: 32, Curve: []Report{r}, Hash: "abc"}
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := LoadCheckpoint(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no checkpoint: %v", err)
	}
	if err := c.Save(dir); err != nil {
		t.Fatal(err)
	}
	back, err := LoadCheckpoint(dir)
	if err != nil || !reflect.DeepEqual(back, c) {
		t.Fatalf("%v\n%+v\n%+v", err, back, c)
	}
	if curve, err := ReadCurve(dir); err != nil || !reflect.DeepEqual(curve, c.Curve) {
		t.Errorf("%v %v", curve, err)
	}

	before, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		t.Fatal(err)
	}
	// A bound on the size of files stands for a disk that ends.
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: uint64(len(before) / 2), Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old)
	c.Step++
	if err := c.Save(dir); !errors.Is(err, syscall.EFBIG) || !strings.Contains(err.Error(), "intact") {
		t.Errorf("%v", err)
	}
	after, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil || !slices.Equal(before, after) {
		t.Errorf("the checkpoint before was changed: %v", err)
	}
	if all, _ := os.ReadDir(dir); len(all) != 2 {
		t.Errorf("left behind: %v", all)
	}
}
