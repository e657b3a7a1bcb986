package plotting

import (
	"bytes"
	"sync"
	"testing"
)

// TestConcurrent checks that figures share nothing that drawing changes: the
// same bytes from many goroutines, run with -race for more.
func TestConcurrent(t *testing.T) {
	want, err := HeadMap(headScores()).SVG()
	if err != nil {
		t.Fatal(err)
	}
	shared := HeadMap(headScores())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, f := range []*Figure{shared, HeadMap(headScores())} {
				if got, err := f.SVG(); err != nil || !bytes.Equal(got, want) {
					t.Errorf("another figure, %v", err)
				}
				if _, err := f.PNG(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
