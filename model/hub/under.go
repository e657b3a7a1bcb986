package hub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// GetUnder brings a file of a repository, or all files of a folder, that need not be
// a model: the folder of the snapshot that then holds them. Which files there are is
// asked of the Hub each time; without a network, what the cache holds is taken.
func GetUnder(ctx context.Context, ref Ref, under string, c Config) (dir string, err error) {
	if err := ref.check(); err != nil {
		return "", err
	}
	if under != "" && !filepath.IsLocal(filepath.FromSlash(under)) {
		return "", fmt.Errorf("%q is not a file or folder of a repository", under)
	}
	if c, err = c.filled(); err != nil {
		return "", err
	}
	r := c.repo(ref)
	cached := func(why error) (string, error) {
		commit, err := r.commit(ref.revision())
		if err != nil {
			return "", err
		}
		if commit != "" {
			dir := r.snapshot(commit)
			if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(under))); err == nil {
				return dir, nil
			}
		}
		return "", fmt.Errorf("%s of %s is %w, and %w", named(under), ref, ErrNotCached, why)
	}
	if c.Offline {
		return cached(ErrOffline)
	}
	s, err := newSession(ref, c)
	if err != nil {
		return "", err
	}
	defer s.close()
	dir, err = s.getUnder(ctx, r, under)
	switch {
	case err == nil:
		return dir, nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	case !s.reached.Load():
		return cached(err)
	}
	return "", fmt.Errorf("%s: %w", ref, err)
}

func named(under string) string {
	if under == "" {
		return "anything"
	}
	return under
}

func (s *session) getUnder(ctx context.Context, r repo, under string) (string, error) {
	l, err := s.list(ctx)
	if err != nil {
		return "", err
	}
	var need []string
	for _, name := range l.files {
		if name != under && under != "" && !strings.HasPrefix(name, strings.TrimSuffix(under, "/")+"/") {
			continue
		}
		if !filepath.IsLocal(filepath.FromSlash(name)) || strings.ContainsAny(name, `\:`) || !printable(name) {
			return "", errors.New("it lists a file whose name is no file's")
		}
		need = append(need, name)
	}
	if len(need) == 0 {
		return "", fmt.Errorf("it has no %s; it has %s", under, some(l.files))
	}
	m := newMeter(s.ref.String(), s.Progress)
	if err := s.bring(ctx, r, l.commit, need, m); err != nil {
		return "", err
	}
	m.end()
	return r.snapshot(l.commit), r.remember(s.ref, l.commit, nil)
}

// some are the first names of a list.
func some(names []string) string {
	const most = 12
	var fit []string
	for _, n := range names {
		if len(fit) < most && printable(n) {
			fit = append(fit, n)
		}
	}
	text := strings.Join(fit, ", ")
	if len(names) > most {
		text += fmt.Sprintf(" and %d others", len(names)-most)
	}
	return text
}
