package hub

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// check holds a file that another user has put into a shared cache to the hash
// that the Hub gives it.
func (e entry) check(ctx context.Context, path string) error {
	h := e.hash()
	if h == nil { // the etag is no hash: the size is all that is known
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(h, reader{ctx, f}); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != e.etag {
		return fmt.Errorf("%s: %w: %s, which another user has put into the cache, has %s; remove it, or set HF_HOME to a cache of your own", e.name, ErrChecksum, path, got)
	}
	return nil
}

// reader reads until its context ends.
type reader struct {
	ctx  context.Context
	from io.Reader
}

func (r reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(b)
}
