package hub

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Config says where models come from and where they are kept. What it leaves
// open, the environment decides.
type Config struct {
	Cache    string // folder of the cache; empty: as the environment says
	Endpoint string // address of the Hub; empty: as the environment says
	Token    Token  // shown to the Hub; empty: as the environment says
	Offline  bool   // stay off the network; also if the environment says so
	// Update asks the Hub for a branch's or tag's newest commit even if the
	// cache has the model.
	Update bool
	// Progress, if not nil, is told how far a download is: ten times a second
	// at most, from one goroutine at a time.
	Progress func(Progress)

	pause time.Duration // before the second try; zero: a second
	stall time.Duration // without a byte, after which a try is given up; zero: a minute
}

// A Token opens private and gated models. It never prints itself.
type Token string

// Format implements [fmt.Formatter].
func (t Token) Format(s fmt.State, _ rune) {
	if t == "" {
		fmt.Fprint(s, "no token")
		return
	}
	fmt.Fprint(s, "a token")
}

// MarshalText keeps the token out of JSON and its like.
func (t Token) MarshalText() ([]byte, error) { return []byte(fmt.Sprint(t)), nil }

// filled takes from the environment what c leaves open.
func (c Config) filled() (Config, error) {
	home, err := home()
	if err != nil && (c.Cache == "" || c.Token == "") {
		return c, err
	}
	if c.Cache == "" {
		c.Cache = expand(first(os.Getenv("HF_HUB_CACHE"), os.Getenv("HUGGINGFACE_HUB_CACHE"), filepath.Join(home, "hub")))
	}
	if c.Cache, err = filepath.Abs(c.Cache); err != nil {
		return c, fmt.Errorf("folder of the Hugging Face cache: %w", err)
	}
	if c.Token == "" && !set("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
		c.Token = Token(strings.TrimSpace(first(os.Getenv("HF_TOKEN"), os.Getenv("HUGGING_FACE_HUB_TOKEN"))))
		if c.Token == "" {
			// A file that cannot be read is as good as none: public models need no token.
			data, _ := readSmall(expand(first(os.Getenv("HF_TOKEN_PATH"), filepath.Join(home, "token"))), 64<<10)
			c.Token = Token(strings.TrimSpace(string(data)))
		}
	}
	c.Endpoint = strings.TrimRight(first(c.Endpoint, os.Getenv("HF_ENDPOINT"), "https://huggingface.co"), "/")
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return c, fmt.Errorf("HF_ENDPOINT is not an address such as https://huggingface.co, with no name and password in it")
	}
	c.Offline = c.Offline || set("HF_HUB_OFFLINE") || set("TRANSFORMERS_OFFLINE")
	if c.pause == 0 {
		c.pause = time.Second
	}
	if c.stall == 0 {
		c.stall = time.Minute
	}
	return c, nil
}

// home is Hugging Face's folder of this user.
func home() (string, error) {
	if h := os.Getenv("HF_HOME"); h != "" {
		return expand(h), nil
	}
	if h := os.Getenv("XDG_CACHE_HOME"); h != "" {
		return filepath.Join(expand(h), "huggingface"), nil
	}
	h, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no folder for the Hugging Face cache; set HF_HOME: %w", err)
	}
	return filepath.Join(h, ".cache", "huggingface"), nil
}

// expand replaces variables and a leading ~, as Python does.
func expand(path string) string {
	path = os.ExpandEnv(path)
	if rest, ok := strings.CutPrefix(path, "~"); ok && (rest == "" || os.IsPathSeparator(rest[0])) {
		if h, err := os.UserHomeDir(); err == nil {
			return h + rest
		}
	}
	return path
}

// set tells whether a variable says yes, as Python reads it.
func set(name string) bool {
	switch strings.ToUpper(os.Getenv(name)) {
	case "1", "ON", "YES", "TRUE":
		return true
	}
	return false
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
