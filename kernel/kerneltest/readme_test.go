package kerneltest_test

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/golens/golens/kernel/kerneltest"
	"github.com/golens/golens/kernel/session"
)

// The cells of the README run as printed, one after the other, and each shows its map.
func TestReadmeCells(t *testing.T) {
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	cells := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(cells) != 2 {
		t.Fatalf("%d cells, want the two of the introduction", len(cells))
	}
	s := kerneltest.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	for i, want := range []string{"prefix-matching score", "without"} {
		out, err := s.Execute(ctx, strings.TrimSuffix(cells[i][1], "\n"), session.Limits{}, nil)
		if err != nil {
			t.Fatalf("cell %d: %v\n%s", i+1, err, cells[i][1])
		}
		shown := ""
		for _, o := range out.List {
			shown += o.Data.Text("text/plain")
		}
		if !strings.Contains(shown, want) || !strings.Contains(shown, "layer\\head") {
			t.Errorf("cell %d shows no map of heads: %q", i+1, shown)
		}
	}
}
