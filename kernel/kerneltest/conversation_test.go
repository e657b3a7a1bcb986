package kerneltest_test

import (
	"path/filepath"
	"testing"

	"github.com/golens/golens/kernel/kerneltest"
)

func TestMain(m *testing.M) { kerneltest.Main(m) }

func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { kerneltest.Run(t, kerneltest.Start(t), file) })
	}
}
