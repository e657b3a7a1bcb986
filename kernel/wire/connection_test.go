package wire

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConnectionFile(t *testing.T) {
	const ports = `"shell_port":1,"control_port":2,"stdin_port":3,"iopub_port":4,"hb_port":5`
	for _, test := range []struct{ name, text, want string }{
		{"plain", `{"ip":"127.0.0.1","key":"k","signature_scheme":"hmac-sha256",` + ports + `}`, ""},
		{"not json", `{`, "unexpected end"},
		{"unknown transport", `{"transport":"udp",` + ports + `}`, `"udp" is neither tcp nor ipc`},
		{"weak signature", `{"key":"k","signature_scheme":"hmac-md5",` + ports + `}`, `"hmac-md5" is not hmac-sha256`},
		{"port missing", `{"shell_port":1}`, "port 0 is not between"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "c.json")
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := ReadConnection(path)
			if test.want == "" {
				if err != nil || c.Endpoint(c.IOPubPort) != "tcp://127.0.0.1:4" {
					t.Errorf("got %+v, %v", c, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want the file's name and %q", err, test.want)
			}
		})
	}
}

func TestOwnConnectionIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.json")
	c := IPC("/run/x")
	if err := c.Write(path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v: others could read the key", info.Mode(), err)
	}
	if got, err := ReadConnection(path); err != nil || got != c || got.Endpoint(got.ShellPort) != "ipc:///run/x-1" {
		t.Errorf("read %+v, %v", got, err)
	}
}
