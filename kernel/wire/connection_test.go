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
		{"no address", `{"key":"k",` + ports + `}`, ""},
		{"no key on loopback", `{"ip":"127.0.0.1",` + ports + `}`, ""},
		{"no key on all addresses", `{"ip":"0.0.0.0",` + ports + `}`, "no key to check messages with"},
		{"no key on an address of the network", `{"ip":"192.168.1.2",` + ports + `}`, "no key to check messages with"},
		{"no key on a host", `{"ip":"example.com",` + ports + `}`, "no key to check messages with"},
		{"no path", `{"transport":"ipc","key":"k",` + ports + `}`, "no path for the ipc sockets"},
		{"no folder", `{"transport":"ipc","ip":"@x","key":"k",` + ports + `}`, "lie in no folder"},
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
				if network, address := c.address(c.IOPubPort); err != nil || network != "tcp" || address != "127.0.0.1:4" {
					t.Errorf("got %s %s, %v", network, address, err)
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
	got, err := ReadConnection(path)
	if network, address := got.address(got.ShellPort); err != nil || got != c || network != "unix" || address != "/run/x-1" {
		t.Errorf("read %+v, %v", got, err)
	}
}

func FuzzConnection(f *testing.F) {
	f.Add([]byte(`{"ip":"127.0.0.1","key":"k","signature_scheme":"hmac-sha256","shell_port":1,"control_port":2,"stdin_port":3,"iopub_port":4,"hb_port":5}`))
	f.Add([]byte(`{"transport":"ipc","ip":"/run/x","shell_port":1,"control_port":2,"stdin_port":3,"iopub_port":4,"hb_port":5}`))
	f.Add([]byte(`{"ip":"::","key":"","shell_port":65536}`))
	f.Add([]byte(`{"transport":"ipc","ip":"@x","shell_port":1,"control_port":2,"stdin_port":3,"iopub_port":4,"hb_port":5}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parse(data)
		if err != nil {
			return
		}
		network, address := c.address(c.ShellPort)
		switch everywhere := network == "tcp" && (strings.HasPrefix(address, ":") || c.Key == "" && !loopback(c.IP)); {
		case everywhere, c.IP == "", network == "unix" && strings.ContainsAny(address[:1], "@\x00"): // the last lie in no folder
			t.Errorf("%+v would listen on every address, or to anybody", c)
		}
	})
}
