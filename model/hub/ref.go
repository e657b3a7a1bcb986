package hub

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// A Ref names a model of the Hub, at a revision.
type Ref struct {
	ID       string // "gpt2" or "EleutherAI/pythia-70m"
	File     string // the one that is the model, in the format GGUF; empty for one of safetensors
	Revision string // branch, tag or commit; empty for the branch main
}

// Parse reads ID or ID@REVISION, or ID/FILE.gguf and ID/FILE.gguf@REVISION.
func Parse(name string) (Ref, error) {
	id, revision, pinned := strings.Cut(name, "@")
	r := Ref{ID: id, Revision: revision}
	if at := strings.LastIndex(id, "/"); at > 0 && strings.HasSuffix(id, ".gguf") {
		r.ID, r.File = id[:at], id[at+1:]
	}
	if pinned && revision == "" {
		return Ref{}, fmt.Errorf("model name %q: nothing comes after the @; it is followed by a branch, a tag or a commit", name)
	}
	return r, r.check()
}

// String is what [Parse] reads.
func (r Ref) String() string {
	name := r.ID
	if r.File != "" {
		name += "/" + r.File
	}
	if r.Revision != "" {
		name += "@" + r.Revision
	}
	return name
}

var (
	// idPattern is what the Hub allows in each half of an id.
	idPattern = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$`)
	commitID  = regexp.MustCompile(`^[0-9a-f]{40}$`)
	// refPattern leaves out what git forbids in names, and what would leave the
	// folder of refs.
	refPattern = regexp.MustCompile(`^[^\x00-\x20\x7f\\~^:?*\[]+$`)
)

func (r Ref) check() error {
	parts := strings.Split(r.ID, "/")
	ok := len(parts) <= 2 && len(r.ID) <= 96 && !strings.Contains(r.ID, "--") && !strings.Contains(r.ID, "..") && !strings.HasSuffix(r.ID, ".git")
	for _, p := range parts {
		ok = ok && idPattern.MatchString(p)
	}
	if r.File != "" && !plain(r.File) {
		return fmt.Errorf("%q is not the name of a file", r.File)
	}
	if !ok {
		return fmt.Errorf("%q is not the name of a model on the Hub, which is NAME or ORGANIZATION/NAME", r.ID)
	}
	if r.Revision == "" {
		return nil
	}
	if !refPattern.MatchString(r.Revision) || len(r.Revision) > 255 || !filepath.IsLocal(r.Revision) {
		return fmt.Errorf("%q is not the name of a branch, a tag or a commit", r.Revision)
	}
	for _, p := range strings.Split(r.Revision, "/") {
		if p == "" || strings.HasPrefix(p, ".") {
			return fmt.Errorf("%q is not the name of a branch, a tag or a commit", r.Revision)
		}
	}
	return nil
}

// revision is never empty.
func (r Ref) revision() string {
	if r.Revision == "" {
		return "main"
	}
	return r.Revision
}

// folder is the name of the model's folder in the cache.
func (r Ref) folder() string { return "models--" + strings.ReplaceAll(r.ID, "/", "--") }
