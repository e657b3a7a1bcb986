package frugal_test

import (
	"testing"

	"github.com/golens/golens/model/internal/frugal"
)

// failed is a test that only remembers that it failed.
type failed struct {
	testing.TB
	yes bool
}

func (f *failed) Helper()               {}
func (f *failed) Errorf(string, ...any) { f.yes = true }

var sink []byte

func TestCheck(t *testing.T) {
	for bytes, want := range map[int]bool{1 << 10: false, 8 << 20: true} {
		f := &failed{TB: t}
		if frugal.Check(f, 4<<20, func() { sink = make([]byte, bytes) }); f.yes != want {
			t.Errorf("%d bytes: failed is %v, want %v", bytes, f.yes, want)
		}
	}
}
