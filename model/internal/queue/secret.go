package queue

import (
	"fmt"
	"os"

	"github.com/golens/golens/model/files"
)

// secret reads a file that opens the cluster. What others can read is refused. Group
// members may read a file that belongs to somebody else, for so Kubernetes shows
// root's secrets to a user who is not root.
func secret(what, path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("GOLENS_CLUSTER: %s%w", what, err)
	}
	if mode := info.Mode().Perm(); mode&0o007 != 0 || mode&0o070 != 0 && mine(info) {
		return nil, fmt.Errorf("GOLENS_CLUSTER: %s%s can be read by others (mode %04o): it opens the cluster; chmod 600 it, and consider a new one", what, path, mode)
	}
	data, err := files.Read(path)
	if err != nil {
		return nil, fmt.Errorf("GOLENS_CLUSTER: %s%w", what, err)
	}
	return data, nil
}
