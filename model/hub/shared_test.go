package hub

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/golens/golens/model/hub/hubtest"
)

// recorder remembers what authorization requests carry.
type recorder struct{ seen string }

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.seen = req.Header.Get("Authorization")
	return httptest.NewRecorder().Result(), nil
}

// Nobody waits for a pipe that somebody has put in the token's place.
func TestATokenIsAFile(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "token")
	if err := syscall.Mkfifo(pipe, 0o666); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HF_HOME", t.TempDir()) // else there must be a HOME
	t.Setenv("HF_TOKEN", "")
	t.Setenv("HUGGING_FACE_HUB_TOKEN", "")
	t.Setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "")
	for _, path := range []string{pipe, "/dev/zero"} {
		t.Setenv("HF_TOKEN_PATH", path)
		if c, err := (Config{}).filled(); err != nil || c.Token != "" {
			t.Errorf("%s: %d bytes, %v", path, len(c.Token), err)
		}
	}
}

func TestTokenIsNotShownInClear(t *testing.T) {
	for address, want := range map[string]string{
		"https://huggingface.co": "Bearer hf_secret", "https://mirror.example:8443": "Bearer hf_secret",
		"http://127.0.0.1:8080": "Bearer hf_secret", "http://localhost": "Bearer hf_secret", "http://[::1]:80": "Bearer hf_secret",
		"http://mirror.example": "", "http://localhost.example": "", "http://127.0.0.1.example": "", "http://10.0.0.1": "",
	} {
		origin, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		r := &recorder{}
		req := httptest.NewRequest(http.MethodGet, address+"/a", nil)
		if _, err := (authorized{r, origin, "hf_secret"}).RoundTrip(req); err != nil || r.seen != want {
			t.Errorf("%s: sent %q, %v; want %q", address, r.seen, err, want)
		}
		s := &session{Config: Config{Endpoint: address, Token: "hf_secret"}, origin: origin}
		resp := httptest.NewRecorder().Result()
		resp.StatusCode, resp.Request = http.StatusUnauthorized, req
		said := strings.Contains(s.cause(resp).Error(), "your token: it was not shown to "+address)
		if said != (want == "") {
			t.Errorf("%s: the error is %v", address, s.cause(resp))
		}
	}
}

// blobs is the folder of blobs of org/tiny in the cache.
func blobs(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(os.Getenv("HF_HOME"), "hub", "models--org--tiny", "blobs")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func etag(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// In a cache that others write to, what stands in place of a download, or of its
// lock, leads to a file of the user's, waits, or stays another's to change.
func TestWhatOthersPlantInASharedCacheIsNotUsed(t *testing.T) {
	for name, plant := range map[string]func(victim, at string) error{
		"a link":        os.Symlink,
		"a second name": os.Link,
		"a pipe":        func(_, at string) error { return syscall.Mkfifo(at, 0o666) },
		"a folder":      func(_, at string) error { return os.Mkdir(at, 0o777) },
		"another's file": func(_, at string) error {
			return errors.Join(os.WriteFile(at, []byte("x"), 0o666), os.Chown(at, 12345, 12345))
		},
	} {
		for _, suffix := range []string{".incomplete", ".lock"} {
			t.Run(name+suffix, func(t *testing.T) {
				if name == "another's file" && os.Getuid() != 0 {
					t.Skip("only root gives files away; run as root")
				}
				h := hubtest.New(t)
				want := filesOf(5000)
				h.Publish("org/tiny", hubtest.CommitA, want, "main")
				victim := filepath.Join(t.TempDir(), "victim")
				if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
					t.Fatal(err)
				}
				at := filepath.Join(blobs(t), etag(want["model.safetensors"])+suffix)
				if suffix == ".lock" {
					locks := filepath.Join(os.Getenv("HF_HOME"), "hub", ".locks", "models--org--tiny")
					if err := os.MkdirAll(locks, 0o755); err != nil {
						t.Fatal(err)
					}
					at = filepath.Join(locks, filepath.Base(at))
				}
				if err := plant(victim, at); err != nil {
					t.Skipf("cannot be planted here: %v", err)
				}
				dir := get(t, "org/tiny", config())
				holds(t, dir, want, "model.safetensors", "config.json")
				if data, err := os.ReadFile(victim); err != nil || string(data) != "mine" {
					t.Errorf("the user's file holds %d bytes, %v", len(data), err)
				}
				if info, err := os.Stat(filepath.Join(dir, "model.safetensors")); err != nil || !ours(info) {
					t.Errorf("the weights are another's to change, %v", err)
				}
			})
		}
	}
}

// A link of another's in place of a blob gives one model the weights of another.
func TestLinksOfOthersAreHeldToTheirHash(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root gives files away; run as root")
	}
	h := hubtest.New(t)
	want := filesOf(5000)
	h.Publish("org/tiny", hubtest.CommitA, want, "main")
	other := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, content(5000, 9), 0o600); err != nil {
		t.Fatal(err)
	}
	blob := filepath.Join(blobs(t), etag(want["model.safetensors"]))
	if err := errors.Join(os.Symlink(other, blob), os.Lchown(blob, 12345, 12345)); err != nil {
		t.Fatal(err)
	}
	if _, err := Get(context.Background(), ref(t, "org/tiny"), config()); !errors.Is(err, ErrChecksum) {
		t.Errorf("got %v", err)
	}
}

func TestBlobsOfOthersAreHeldToTheirHash(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root gives files away; run as root")
	}
	for _, honest := range []bool{true, false} {
		h := hubtest.New(t)
		want := filesOf(5000)
		h.Publish("org/tiny", hubtest.CommitA, want, "main")
		data := append([]byte(nil), want["model.safetensors"]...)
		if !honest {
			data[100]++
		}
		blob := filepath.Join(blobs(t), etag(want["model.safetensors"]))
		if err := os.WriteFile(blob, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(blob, 12345, 12345); err != nil {
			t.Fatal(err)
		}
		_, err := Get(context.Background(), ref(t, "org/tiny"), config())
		if honest && err != nil || !honest && (!errors.Is(err, ErrChecksum) || !strings.Contains(err.Error(), "another user has put into the cache")) {
			t.Errorf("honest %v: %v", honest, err)
		}
	}
}
