package weights

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Mistaken is err, which reading a file's bytes gave, or what the file is
// instead, with what to do about it: a web page, a pointer of Git LFS, a
// server's refusal, an archive.
func Mistaken(data []byte, err error) error {
	if what := mistaken(data); what != "" {
		return errors.New(what)
	}
	return err
}

var lfsSize = regexp.MustCompile(`(?m)^size (\d+)\r?$`)

func mistaken(data []byte) string {
	start := bytes.TrimLeft(bytes.TrimPrefix(data[:min(len(data), 1<<10)], []byte("\xef\xbb\xbf")), " \t\r\n")
	has := func(prefixes ...string) bool {
		for _, p := range prefixes {
			if len(start) >= len(p) && strings.EqualFold(string(start[:len(p)]), p) {
				return true
			}
		}
		return false
	}
	switch {
	case len(data) == 0:
		return "the file is empty: its download or copy was cut; fetch it again"
	case has("version https://git-lfs.github.com/"):
		size := ""
		if m := lfsSize.FindSubmatch(start); m != nil {
			size = fmt.Sprintf(" to %s bytes", m[1])
		}
		return fmt.Sprintf("the file is a Git LFS pointer%s, not what it points to; run `git lfs pull` in its repository, or `golens get NAME`", size)
	case has("<!doctype", "<html", "<head", "<body", "<?xml", "<error", "<svg"):
		return "the file is a web page, not what its name says: a download that went wrong; fetch it again"
	case has(`{"error"`, `{"message"`, "entry not found", "repository not found", "invalid username or password", "access to model", "unauthorized", "not found"):
		return fmt.Sprintf("the file is a server's refusal, %q: a download that went wrong; fetch it again", printed(start))
	case has("PK\x03\x04"):
		return "the file is a zip archive, as torch.save writes: a Python pickle; transformers' save_pretrained rewrites it as safetensors"
	case has("\x80\x02", "\x80\x03", "\x80\x04", "\x80\x05") && !bytes.HasPrefix(data[min(len(data), 2):], make([]byte, 6)):
		return "the file is a Python pickle; transformers' save_pretrained rewrites it as safetensors"
	case has("\x1f\x8b"):
		return "the file is compressed by gzip; unpack it first"
	case has("GGUF"):
		return "the file is in the format GGUF; give it a name that ends in .gguf"
	}
	return ""
}

// printed is the beginning of a text, as it can be shown.
func printed(b []byte) string {
	b = b[:min(len(b), 80)]
	for len(b) > 0 && !utf8.Valid(b) {
		b = b[:len(b)-1]
	}
	return string(b)
}
