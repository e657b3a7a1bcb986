package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// packed is a package with a plugin in it, and its hash.
func packed(t *testing.T, member, text string) (data []byte, sum string) {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateHeader(&zip.FileHeader{Name: member, Method: zip.Store}) // so that its text can be changed in place
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(w, text)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(b.Bytes())
	return b.Bytes(), hex.EncodeToString(hash[:])
}

func TestOnlyTheTestedPluginIsInstalled(t *testing.T) {
	good, sum := packed(t, "a/plugin.so", "good")
	other := bytes.Replace(good, []byte("good"), []byte("evil"), 1)
	for _, test := range []struct {
		name   string
		status int
		data   []byte
		member string
		want   string
	}{
		{"as it must be", 200, good, "a/plugin.so", ""},
		{"another of the same size", 200, other, "a/plugin.so", "SHA-256"},
		{"cut", 200, good[:len(good)-1], "a/plugin.so", "bytes came"},
		{"longer", 200, append(bytes.Clone(good), 0), "a/plugin.so", "bytes came"},
		{"an error's page", 404, good, "a/plugin.so", "404"},
		{"no such file in it", 200, good, "a/other.so", "file does not exist"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				w.Write(test.data)
			}))
			defer s.Close()
			dir := t.TempDir()
			old := filepath.Join(dir, filepath.Base(test.member))
			if err := os.WriteFile(old, []byte("old"), 0o644); err != nil {
				t.Fatal(err)
			}
			p := plugin{url: s.URL, size: int64(len(good)), sha256: sum, member: test.member}
			err := p.install(t.Context(), dir)
			got, _ := os.ReadFile(old)
			if test.want == "" && (err != nil || string(got) != "good") {
				t.Errorf("%q, %v", got, err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || string(got) != "old") {
				t.Errorf("%q, %v; want %q and the old file", got, err, test.want)
			}
			if files, _ := os.ReadDir(dir); len(files) != 1 {
				t.Errorf("left behind: %v", files)
			}
		})
	}
}

func TestPluginsAreNamedInFull(t *testing.T) {
	for platform, p := range plugins {
		if !strings.HasPrefix(p.url, "https://") || len(p.sha256) != 64 || p.size < 1<<20 || !strings.HasSuffix(p.member, "pjrt_c_api_cpu_plugin.so") {
			t.Errorf("%s: %+v", platform, p)
		}
	}
	if err := get([]string{"xla-tpu"}); err == nil {
		t.Error("something else was got")
	}
}
