package queue

import (
	"os"
	"path/filepath"
	"testing"
)

// Nobody but the user reads the user's secrets; root's may be for a group.
func TestSecretsAreReadByNobodyElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	for _, test := range []struct {
		owner int // -1 is this process's user
		mode  os.FileMode
		ok    bool
	}{{-1, 0o600, true}, {-1, 0o400, true}, {-1, 0o640, false}, {-1, 0o604, false}, {65534, 0o440, true}, {65534, 0o444, false}} {
		if test.owner >= 0 && os.Getuid() != 0 {
			t.Logf("mode %04o of another user: root alone makes such a file", test.mode)
			continue
		}
		os.Remove(path)
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if test.owner >= 0 {
			if err := os.Chown(path, test.owner, -1); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(path, test.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := secret("", path); (err == nil) != test.ok {
			t.Errorf("mode %04o, owner %d: %v", test.mode, test.owner, err)
		}
	}
}
