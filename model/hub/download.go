package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
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
// was the wrong beginning, or if locks do not hold here and another process
// writes to it, the second try is in a file of its own.
func (s *session) download(ctx context.Context, r repo, commit string, e entry, m *meter, locked bool) error {
	if locked {
		f, err := os.OpenFile(r.blob(e.etag)+".incomplete", os.O_RDWR|os.O_CREATE, 0o666)
		if err != nil {
			return r.unwritable(err)
		}
		resumed, err := s.complete(ctx, r, commit, e, m, f)
		if !resumed || !errors.Is(err, ErrChecksum) {
			return err
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

// part is the beginning of a file, and the state of its hash.
type part struct {
	f    *os.File
	hash hash.Hash
	n    int64
	m    *meter
}

// resume takes what the file holds already.
func (p *part) resume(ctx context.Context, size int64) error {
	info, err := p.f.Stat()
	if err != nil {
		return err
	}
	if info.Size() > size {
		return p.f.Truncate(0)
	}
	buf := make([]byte, 1<<20)
	for p.n < info.Size() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		n, err := p.f.ReadAt(buf[:min(int64(len(buf)), info.Size()-p.n)], p.n)
		if err != nil {
			return err
		}
		p.count(buf[:n])
		p.m.have(int64(n))
	}
	return nil
}

func (p *part) count(b []byte) {
	if p.hash != nil {
		p.hash.Write(b)
	}
	p.n += int64(len(b))
}

// restart forgets what there is.
func (p *part) restart(e entry) error {
	p.m.have(-p.n)
	p.n, p.hash = 0, e.hash()
	return p.f.Truncate(0)
}

// sum is the hash of the whole, as an etag; empty if there is none.
func (p *part) sum() string {
	if p.hash == nil {
		return ""
	}
	return hex.EncodeToString(p.hash.Sum(nil))
}

// more asks for what is missing of a file and reads it.
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
	return s.copy(ctx, r, e, p, resp.Body, func() { watch.Reset(s.stall) })
}

// copy appends what comes to a part.
func (s *session) copy(ctx context.Context, r repo, e entry, p *part, from io.Reader, alive func()) (moved bool, err error) {
	buf := make([]byte, 256<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			alive()
			if p.n+int64(n) > e.size {
				return moved, fmt.Errorf("%s: %w: more came than the %d bytes that were announced", e.name, ErrChecksum, e.size)
			}
			if _, err := p.f.WriteAt(buf[:n], p.n); err != nil {
				return moved, r.unwritable(err)
			}
			p.count(buf[:n])
			p.m.add(int64(n))
			moved = true
		}
		switch {
		case err == io.EOF && p.n == e.size:
			return moved, nil
		case err == io.EOF || err != nil && ctx.Err() == nil:
			return moved, temporary{error: fmt.Errorf("%s: the connection was cut after %s of %s", e.name, Bytes(p.n), Bytes(e.size))}
		case err != nil:
			return moved, ctx.Err()
		}
	}
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
