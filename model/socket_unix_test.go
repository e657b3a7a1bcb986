//go:build unix

package model

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whoever comes first to a socket's name, in a folder that all write to, is not asked.
func TestAnotherUsersHostIsNotAsked(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root gives files away; run as root")
	}
	dir, err := os.MkdirTemp("", "gls-") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	asked := false
	srv := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true })}
	go srv.Serve(l)
	defer srv.Close()
	if err := os.Chown(path, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	t.Setenv(SocketEnv, path)
	if _, err := Open("gpt2"); err == nil || !strings.Contains(err.Error(), "belongs to user 12345") || asked {
		t.Errorf("asked: %v, %v", asked, err)
	}
}
