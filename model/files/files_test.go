package files

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestOnlyFilesAreReplaced(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.WriteFile(at("target"), []byte("kept"), 0o644), os.Symlink(at("target"), at("link")), os.Symlink(at("nowhere"), at("dangling")),
		syscall.Mkfifo(at("pipe"), 0o644), os.Mkdir(at("folder"), 0o755),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		at("pipe"): "is no regular file", os.DevNull: "is no regular file", at("link"): "is a link", at("dangling"): "is a link", at("folder"): "is a folder",
	} {
		if err := Write(path, []byte("x")); err == nil || !strings.Contains(err.Error(), path+" was not written: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if data, err := os.ReadFile(at("target")); err != nil || string(data) != "kept" {
		t.Errorf("behind the link: %q, %v", data, err)
	}
	if all, _ := os.ReadDir(dir); len(all) != 5 {
		t.Errorf("left behind: %v", all)
	}
}

func TestModes(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "old")
	if err := os.WriteFile(old, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(old, 0o751); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(dir, "plain") // what the system gives any new file
	if err := os.WriteFile(plain, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(plain)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{"old": 0o751, "new": info.Mode()} {
		if err := Write(filepath.Join(dir, name), []byte("x")); err != nil {
			t.Fatal(err)
		}
		if got, err := os.Stat(filepath.Join(dir, name)); err != nil || got.Mode() != want {
			t.Errorf("%s has mode %v, %v; want %v", name, got.Mode(), err, want)
		}
	}
}

func TestSecretsAreTheUsersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Secret(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("the secret has mode %v, %v", info.Mode(), err)
	}
}

func TestStream(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "kept")
	if err := Stream(path, func(w io.Writer) error { _, err := io.WriteString(w, "whole"); return err }); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the source broke off")
	if err := Stream(path, func(w io.Writer) error { io.WriteString(w, "ha"); return broken }); err != broken {
		t.Errorf("got %v", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "whole" {
		t.Errorf("the file holds %q, %v", data, err)
	}
	if all, _ := os.ReadDir(dir); len(all) != 1 {
		t.Errorf("left behind: %v", all)
	}
}
