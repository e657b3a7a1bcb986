package crew

import (
	"errors"
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
