package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// fetch brings a file into a snapshot.
func (s *session) fetch(ctx context.Context, r repo, commit string, e entry, m *meter) error {
	release, locked, err := r.lock(ctx, e.etag)
	if err != nil {
		return err
	}
	defer release()
	blob := r.blob(e.etag)
	info, err := os.Stat(blob)
	there := err == nil && info.Mode().IsRegular() && info.Size() == e.size
	if name, err := os.Lstat(blob); there && (err != nil || !ours(name) || !ours(info)) { // another's link may lead to a file of the user's
		if err := e.check(ctx, blob); err != nil {
			return err
		}
	}
	if there || r.has(commit, e.name) { // of another revision, or fetched by another process meanwhile
		m.have(e.size)
		return r.link(commit, e, false)
	}
	if err := os.MkdirAll(filepath.Dir(blob), 0o777); err != nil {
		return r.unwritable(err)
	}
	if err := s.download(ctx, r, commit, e, m, locked); err != nil {
		return err
	}
	return r.link(commit, e, true)
}

// download brings a blob. It goes on with what an earlier try has left. If that
// was the wrong beginning or another user's, or if locks do not hold here and
// another process writes to it, the download is in a file of its own.
func (s *session) download(ctx context.Context, r repo, commit string, e entry, m *meter, locked bool) error {
	if locked {
		if f := begun(r.blob(e.etag) + ".incomplete"); f != nil {
			resumed, err := s.complete(ctx, r, commit, e, m, f)
			if !resumed || !errors.Is(err, ErrChecksum) {
				return err
			}
		}
	}
	f, err := os.CreateTemp(filepath.Dir(r.blob(e.etag)), e.etag+".*.incomplete")
	if err != nil {
		return r.unwritable(err)
	}
	defer os.Remove(f.Name()) // nobody can go on with it; fails once it is renamed, as it should
	if err := f.Chmod(0o644); err != nil {
		f.Close()
		return r.unwritable(err)
	}
	_, err = s.complete(ctx, r, commit, e, m, f)
	return err
}

// complete downloads what a file lacks, checks the whole and gives it the
// blob's name. It closes the file. It tells whether the file held a part.
func (s *session) complete(ctx context.Context, r repo, commit string, e entry, m *meter, f *os.File) (resumed bool, err error) {
	defer f.Close()
	p := &part{f: f, hash: e.hash(), m: m}
	if err := p.resume(ctx, e.size); err != nil {
		return false, r.unwritable(err)
	}
	resumed = p.n > 0
	if err := s.persist(ctx, func() (bool, error) { return s.more(ctx, r, commit, e, p) }); err != nil {
		return resumed, err
	}
	if got := p.sum(); got != "" && got != e.etag {
		m.have(-p.n)
		f.Close()
		_ = os.Remove(f.Name()) // a later try must not go on with it; the error is the checksum
		return resumed, fmt.Errorf("%s: %w: it should have %s, what came has %s", e.name, ErrChecksum, e.etag, got)
	}
	// On disk before it has its name: after a power cut a name means content.
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return resumed, r.unwritable(err)
	}
	if err := os.Rename(f.Name(), r.blob(e.etag)); err != nil {
		return resumed, r.unwritable(err)
	}
	return resumed, nil
}

// hash is what gives the entry's etag: SHA-256, or SHA-1 as git takes it. Nil
// if the etag is neither; then only the size is checked.
func (e entry) hash() hash.Hash {
	if strings.Trim(e.etag, "0123456789abcdef") != "" {
		return nil
	}
	switch len(e.etag) {
	case hex.EncodedLen(sha256.Size):
		return sha256.New()
	case hex.EncodedLen(sha1.Size):
		h := sha1.New()
		fmt.Fprintf(h, "blob %d\x00", e.size)
		return h
	}
	return nil
}

// more asks for what is missing of a file and reads it. It tells whether there
// is more of it than ever before.
func (s *session) more(ctx context.Context, r repo, commit string, e entry, p *part) (moved bool, err error) {
	if p.n == e.size {
		return false, nil
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	stalled := temporary{error: fmt.Errorf("%s: nothing came for %s", e.name, s.stall)}
	watch := time.AfterFunc(s.stall, func() { stop(stalled) })
	defer watch.Stop()
	defer func() {
		if err != nil && context.Cause(ctx) == error(stalled) {
			err = stalled
		}
	}()
	header := http.Header{}
	if p.n > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", p.n))
	}
	// The Hub is asked again each time, not the host that it sends to: the
	// address there ends to be valid after a while.
	resp, err := s.send(ctx, http.MethodGet, s.address(commit, e.name), e.name, header,
		http.StatusOK, http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	switch from, size := contentRange(resp.Header); {
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable,
		resp.StatusCode == http.StatusPartialContent && (from != p.n || size >= 0 && size != e.size):
		if err := p.restart(e); err != nil {
			return false, r.unwritable(err)
		}
		return false, temporary{error: fmt.Errorf("%s: the server has another range of it than was asked for", e.name)}
	case resp.StatusCode == http.StatusOK && p.n > 0: // it ignores ranges
		if err := p.restart(e); err != nil {
			return false, r.unwritable(err)
		}
	}
	err = p.copy(ctx, r, e, resp.Body, func() { watch.Reset(s.stall) })
	moved = p.n > p.most
	p.most = max(p.most, p.n)
	return moved, err
}

// contentRange is where a part of the content begins and how long the whole is;
// -1 for what is not told.
func contentRange(h http.Header) (from, size int64) {
	from, size = -1, -1
	span, whole, ok := strings.Cut(strings.TrimPrefix(h.Get("Content-Range"), "bytes "), "/")
	if !ok {
		return from, size
	}
	if _, err := fmt.Sscanf(span, "%d-", &from); err != nil {
		from = -1
	}
	if _, err := fmt.Sscanf(whole, "%d", &size); err != nil {
		size = -1
	}
	return from, size
}
