package toolchain

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// trusted returns an error if somebody else could have put or changed what lies
// at path. Every folder on the way to it counts. With own, path is where this
// program was built from: whoever owns it, the user has run what is there, and
// only that it may since have been replaced by anybody is looked for.
func trusted(path string, own bool) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	child := false // whether what was last looked at is the user's or root's
	for {
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return fmt.Errorf("the owner of %s is not known", path)
		}
		mine := st.Uid == 0 || int(st.Uid) == os.Getuid()
		switch {
		case !mine && !own:
			return fmt.Errorf("%s belongs to user %d", path, st.Uid)
		// In a sticky folder, such as /tmp, nobody replaces what is another's.
		case writable(info.Mode(), st.Gid, own) && !(info.Mode()&fs.ModeSticky != 0 && child):
			return fmt.Errorf("others may write to %s (mode %v)", path, info.Mode())
		}
		child = mine
		if path == filepath.Dir(path) {
			return nil
		}
		path = filepath.Dir(path)
	}
}

// writable tells whether others than the owner may write. With own, the group
// is of the owner's choice; else only a group of the user's own name is no
// other, as many systems give one to each user.
func writable(mode fs.FileMode, gid uint32, own bool) bool {
	if mode&0o002 != 0 {
		return true
	}
	if own || mode&0o020 == 0 || gid == 0 {
		return false
	}
	me, err := user.Current()
	if err != nil {
		return true
	}
	group, err := user.LookupGroupId(strconv.Itoa(int(gid)))
	return err != nil || group.Name != me.Username
}
