package hub

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golens/golens/model/hub/hubtest"
)

func TestNames(t *testing.T) {
	for name, want := range map[string]Ref{
		"gpt2": {ID: "gpt2"}, "EleutherAI/pythia-70m": {ID: "EleutherAI/pythia-70m"}, "EleutherAI/pythia-70m@step3000": {ID: "EleutherAI/pythia-70m", Revision: "step3000"},
		"a/b.c_d-e@refs/pr/1": {ID: "a/b.c_d-e", Revision: "refs/pr/1"}, "gpt2@" + hubtest.CommitA: {ID: "gpt2", Revision: hubtest.CommitA},
		"a/b/c.Q4_K_M.gguf": {ID: "a/b", File: "c.Q4_K_M.gguf"}, "a/b/c.gguf@main": {ID: "a/b", File: "c.gguf", Revision: "main"}, "b/c.gguf": {ID: "b", File: "c.gguf"},
	} {
		if got, err := Parse(name); err != nil || got != want || got.String() != name {
			t.Errorf("%q is %+v, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "/", "a/", "/a", "a/b/c", "./a", "../a", "a/..", "a--b", "a b", "a@", "@main", "a@../x", "a@/x", "a@x/", "a@x//y", "a@x y",
		"a@-\n", `a\b`, "a.git", "-a", "a.", "zoo:a", "https://huggingface.co/gpt2", strings.Repeat("a", 97)} {
		if got, err := Parse(name); err == nil {
			t.Errorf("%q is taken for %+v", name, got)
		}
	}
}

func TestEnvironment(t *testing.T) {
	clear := []string{"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN",
		"HF_TOKEN_PATH", "HF_ENDPOINT", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_IMPLICIT_TOKEN", "HOME"}
	home := t.TempDir()
	for path, data := range map[string]string{".cache/huggingface/token": "hf_file\n", "hf/token": "hf_home", "other": " hf_other "} {
		path = filepath.Join(home, path)
		if os.MkdirAll(filepath.Dir(path), 0o755) != nil || os.WriteFile(path, []byte(data), 0o600) != nil {
			t.Fatal(path)
		}
	}
	for _, c := range []struct {
		env                    string // NAME=value, separated by spaces
		cache, endpoint, token string
		offline                bool
	}{
		{"", home + "/.cache/huggingface/hub", "https://huggingface.co", "hf_file", false},
		{"HF_HOME=~/hf", home + "/hf/hub", "https://huggingface.co", "hf_home", false},
		{"HF_HOME=$HOME/hf HF_HUB_CACHE=/c HF_TOKEN=hf_env", "/c", "https://huggingface.co", "hf_env", false},
		{"XDG_CACHE_HOME=/x HUGGING_FACE_HUB_TOKEN=hf_old HUGGINGFACE_HUB_CACHE=/old", "/old", "https://huggingface.co", "hf_old", false},
		{"XDG_CACHE_HOME=/x", "/x/huggingface/hub", "https://huggingface.co", "", false},
		{"HF_TOKEN_PATH=~/other HF_ENDPOINT=https://hf-mirror.com/ HF_HUB_OFFLINE=1", home + "/.cache/huggingface/hub", "https://hf-mirror.com", "hf_other", true},
		{"TRANSFORMERS_OFFLINE=true HF_HUB_DISABLE_IMPLICIT_TOKEN=1 HF_TOKEN=hf_env", home + "/.cache/huggingface/hub", "https://huggingface.co", "", true},
		{"HF_HUB_OFFLINE=0", home + "/.cache/huggingface/hub", "https://huggingface.co", "hf_file", false},
	} {
		for _, name := range clear {
			t.Setenv(name, "")
		}
		t.Setenv("HOME", home)
		for _, v := range strings.Fields(c.env) {
			name, value, _ := strings.Cut(v, "=")
			t.Setenv(name, value)
		}
		got, err := Config{}.filled()
		if err != nil || got.Cache != c.cache || got.Endpoint != c.endpoint || string(got.Token) != c.token || got.Offline != c.offline {
			t.Errorf("%s: %+v %q, %v", c.env, got, string(got.Token), err)
		}
	}
	for _, bad := range []string{"huggingface.co", "ftp://x", "://", "https://me:secret@host"} {
		if _, err := (Config{Endpoint: bad}).filled(); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("endpoint %q: %v", bad, err)
		}
	}
}

func TestTokensDoNotPrint(t *testing.T) {
	c := Config{Token: "hf_secret"}
	data, err := json.Marshal(struct{ Token Token }{c.Token})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprintf("%s %q %x %v", c.Token, c.Token, c.Token, &c), string(data)} {
		if strings.Contains(text, "hf_secret") || strings.Contains(text, "68665f") {
			t.Errorf("the token is in %s", text)
		}
	}
}

// A host below the Hub's is another host, and so is the Hub without TLS. Go's
// own client would send the token to the first.
func TestTokenStaysWithTheHub(t *testing.T) {
	origin, _ := url.Parse("https://huggingface.co")
	for address, want := range map[string]bool{
		"https://huggingface.co/gpt2": true, "https://cdn.huggingface.co/x": false, "http://huggingface.co/x": false,
		"https://huggingface.co:8443/x": false, "https://example.com/x": false,
	} {
		var got string
		a := authorized{base: trip(func(r *http.Request) { got = r.Header.Get("Authorization") }), origin: origin, token: "hf_secret"}
		req := httptest.NewRequest("GET", address, nil)
		req.Header.Set("Authorization", "Bearer leaked")
		if _, err := a.RoundTrip(req); err != nil {
			t.Fatal(err)
		}
		if (got == "Bearer hf_secret") != want || !want && got != "" {
			t.Errorf("%s got %q", address, got)
		}
	}
}

type trip func(r *http.Request)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) {
	f(r)
	return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
}

func TestTheHubGetsTheToken(t *testing.T) {
	h := hubtest.New(t)
	h.Token = "hf_right"
	h.Publish("gpt2", hubtest.CommitA, filesOf(1000), "main")
	c := config()
	c.Token = Token(h.Token)
	get(t, "gpt2", c)
	for _, r := range h.Requests() {
		if want := "Bearer hf_right"; !r.CDN && r.Authorization != want || r.CDN && r.Authorization != "" {
			t.Errorf("%+v", r)
		}
	}
}

// Addresses to which the Hub redirects are signed: who has them has the file.
func TestErrorsHideSignedAddresses(t *testing.T) {
	h := hubtest.New(t)
	h.Publish("gpt2", hubtest.CommitA, filesOf(1000), "main")
	h.CDN.Close()
	err := fails(t, "gpt2", config())
	if strings.Contains(err.Error(), "SECRET") || !strings.Contains(err.Error(), strings.TrimPrefix(h.CDN.URL, "http://")) {
		t.Errorf("got %v", err)
	}
}
