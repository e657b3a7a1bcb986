package plotting

import (
	"os"
	"testing"
)

func TestLook(t *testing.T) {
	dir := os.Getenv("LOOK")
	if dir == "" {
		t.Skip("LOOK unset")
	}
	for n, f := range gallery() {
		for _, e := range []string{".svg", ".png", ".pdf", ".txt", ".html"} {
			if err := f.Save(dir + "/" + n + e); err != nil {
				t.Error(n, err)
			}
		}
	}
}
