package hub

import (
	"context"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
)

// part is the beginning of a file, and the state of its hash.
type part struct {
	f    *os.File
	hash hash.Hash
	n    int64
	most int64 // that n ever was: where ranges are ignored, it begins again from 0
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

// copy appends what comes, and says that something comes.
func (p *part) copy(ctx context.Context, r repo, e entry, from io.Reader, alive func()) error {
	buf := make([]byte, 256<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			alive()
			if p.n+int64(n) > e.size {
				return fmt.Errorf("%s: %w: more came than the %d bytes that were announced", e.name, ErrChecksum, e.size)
			}
			if _, err := p.f.WriteAt(buf[:n], p.n); err != nil {
				return r.unwritable(err)
			}
			p.count(buf[:n])
			p.m.add(int64(n))
		}
		switch {
		case err == io.EOF && p.n == e.size:
			return nil
		case err == io.EOF || err != nil && ctx.Err() == nil:
			return temporary{error: fmt.Errorf("%s: the connection was cut after %s of %s", e.name, Bytes(p.n), Bytes(e.size))}
		case err != nil:
			return ctx.Err()
		}
	}
}
