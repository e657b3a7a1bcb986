package hub

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// lock waits until nobody else, Python included, fetches the blob. Where the
// file system knows no locks it gives ok false, and the download must go into a
// file that nobody else writes.
func (r repo) lock(ctx context.Context, etag string) (release func(), ok bool, err error) {
	if err := os.MkdirAll(r.locks, 0o777); err != nil {
		return nil, false, r.unwritable(err)
	}
	// The file stays when the lock ends, as Python leaves it: others may be
	// waiting for this very file.
	path := filepath.Join(r.locks, etag+".lock")
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() { // a link makes a file where it leads, a pipe waits
		return func() {}, false, nil
	}
	l := flock.New(path, flock.SetPermissions(0o666))
	const look = 100 * time.Millisecond // how soon the end of another's download is seen
	_, err = l.TryLockContext(ctx, look)
	switch {
	case ctx.Err() != nil:
		return nil, false, ctx.Err()
	case errors.Is(err, errors.ErrUnsupported):
		return func() {}, false, nil
	case err != nil:
		return nil, false, r.unwritable(err)
	}
	return func() { _ = l.Unlock() }, true, nil // closing the file releases it in any case
}
