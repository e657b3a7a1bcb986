package hub

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
)

// workers is how many files are asked for at once: a few connections fill most
// networks.
const workers = 4

// Get is the folder of a model in the cache, or its one file, once everything that the model
// needs has been brought there. What is there already is not fetched again.
func Get(ctx context.Context, ref Ref, c Config) (dir string, err error) {
	if err := ref.check(); err != nil {
		return "", err
	}
	if c, err = c.filled(); err != nil {
		return "", err
	}
	r := c.repo(ref)
	dir, lacks := r.find(ref)
	settled := !c.Update || commitID.MatchString(ref.revision())
	switch {
	case lacks == nil && settled && (ref.File != "" || r.whole(filepath.Base(dir))):
		return dir, nil
	case lacks == nil && settled && c.Offline:
		return dir, nil
	case lacks == nil && c.Offline:
		return "", fmt.Errorf("%s is in the cache; to see whether it is the newest, unset HF_HUB_OFFLINE: %w", ref, ErrOffline)
	case lacks != nil && !errors.Is(lacks, ErrNotCached):
		return "", lacks
	case c.Offline:
		return "", fmt.Errorf("%w, and %w", lacks, ErrOffline)
	}
	s, err := newSession(ref, c)
	if err != nil {
		return "", err
	}
	defer s.close()
	got, err := s.get(ctx, r)
	switch {
	case err == nil:
		return got, nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	case lacks == nil && settled && !s.reached.Load():
		return dir, nil // a model that may lack its tokenizer is more than none
	}
	return "", fmt.Errorf("%s: %w", ref, err)
}

// get brings what a revision has and the cache has not.
func (s *session) get(ctx context.Context, r repo) (string, error) {
	l, err := s.list(ctx)
	if err != nil {
		return "", err
	}
	need, absent, err := choose(s.ref, l.files)
	if err != nil {
		return "", err
	}
	m := newMeter(s.ref.String(), s.Progress)
	if need[len(need)-1] == indexFile {
		if err := s.bring(ctx, r, l.commit, []string{indexFile}, m); err != nil {
			return "", err
		}
		all, err := r.shards(l.commit)
		if err != nil {
			return "", err
		}
		need = append(need, all...)
	}
	if err := s.bring(ctx, r, l.commit, need, m); err != nil {
		return "", err
	}
	m.end()
	// The list of a repository with very many files is cut: what it does not
	// name may exist.
	const complete = 50_000
	if len(l.files) >= complete {
		absent = nil
	}
	if err := r.remember(s.ref, l.commit, absent); err != nil {
		return "", r.unwritable(err)
	}
	return filepath.Join(r.snapshot(l.commit), s.ref.File), nil
}

// bring fetches those of the files that a snapshot lacks.
func (s *session) bring(ctx context.Context, r repo, commit string, names []string, m *meter) error {
	var lacking []string
	for _, name := range names {
		if !r.has(commit, name) {
			lacking = append(lacking, name)
		}
	}
	entries := make([]entry, len(lacking))
	if err := each(ctx, len(lacking), func(ctx context.Context, i int) (err error) {
		entries[i], err = s.describe(ctx, commit, lacking[i])
		return err
	}); err != nil {
		return err
	}
	size := int64(0)
	for _, e := range entries {
		size += e.size
	}
	m.expect(size)
	return each(ctx, len(entries), func(ctx context.Context, i int) error {
		return s.fetch(ctx, r, commit, entries[i], m)
	})
}

// each does n jobs, a few at once. The first error ends the others.
func each(ctx context.Context, n int, job func(ctx context.Context, i int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	turns := make(chan struct{}, workers)
	var wg sync.WaitGroup
	for i := range n {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			if ctx.Err() != nil {
				return
			}
			defer func() { // the host and its models must not end with a download
				if p := recover(); p != nil {
					stop(fmt.Errorf("internal error: %v", p))
				}
			}()
			if err := job(ctx, i); err != nil {
				stop(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}
