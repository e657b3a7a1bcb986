package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/golens/golens/model/files"
)

// Connection is a Jupyter connection file: where a kernel listens, and the
// key that signs its messages.
type Connection struct {
	Transport       string `json:"transport"` // "tcp" or "ipc"
	IP              string `json:"ip"`        // address, or the path prefix of ipc sockets
	ShellPort       int    `json:"shell_port"`
	ControlPort     int    `json:"control_port"`
	StdinPort       int    `json:"stdin_port"`
	IOPubPort       int    `json:"iopub_port"`
	HBPort          int    `json:"hb_port"`
	Key             string `json:"key"`
	SignatureScheme string `json:"signature_scheme"`
	KernelName      string `json:"kernel_name,omitempty"`
}

// ReadConnection reads and checks the connection file at path.
func ReadConnection(path string) (Connection, error) {
	data, err := files.Read(path)
	if err != nil {
		return Connection{}, fmt.Errorf("connection file: %w", err)
	}
	c, err := parse(data)
	if err != nil {
		return c, fmt.Errorf("connection file %s: %w", path, err)
	}
	return c, nil
}

// parse reads a connection file's content.
func parse(data []byte) (c Connection, err error) {
	if err := json.Unmarshal(data, &c); err != nil {
		return c, err
	}
	if c.Transport == "" {
		c.Transport = "tcp"
	}
	if c.Transport != "tcp" && c.Transport != "ipc" {
		return c, fmt.Errorf("transport %q is neither tcp nor ipc", c.Transport)
	}
	if c.IP == "" && c.Transport == "ipc" {
		return c, errors.New(`no path for the ipc sockets ("ip")`)
	}
	if c.Transport == "ipc" && (c.IP[0] == '@' || c.IP[0] == 0) {
		return c, fmt.Errorf("the ipc sockets %q lie in no folder: every user of the machine could connect; give a path", c.IP)
	}
	if c.IP == "" {
		c.IP = "127.0.0.1" // a socket without an address would listen on all
	}
	if c.Key == "" && c.Transport == "tcp" && !loopback(c.IP) {
		return c, fmt.Errorf(`no key to check messages with, and %q is reached from other machines: whoever connects could run code; give it a "key" or the "ip" 127.0.0.1`, c.IP)
	}
	if c.Key != "" && c.SignatureScheme != "" && c.SignatureScheme != "hmac-sha256" {
		return c, fmt.Errorf("signature scheme %q is not hmac-sha256", c.SignatureScheme)
	}
	for _, p := range []int{c.ShellPort, c.ControlPort, c.StdinPort, c.IOPubPort, c.HBPort} {
		if p < 1 || p > 65535 {
			return c, fmt.Errorf("port %d is not between 1 and 65535", p)
		}
	}
	return c, nil
}

// loopback tells whether an address is reached from this machine alone.
func loopback(address string) bool {
	ip := net.ParseIP(address)
	return address == "localhost" || ip != nil && ip.IsLoopback()
}

// Write stores c at path, readable by the user alone.
func (c Connection) Write(path string) error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

// IPC returns a connection over unix sockets whose paths begin with prefix,
// with a fresh key.
func IPC(prefix string) Connection {
	return Connection{
		Transport: "ipc", IP: prefix,
		ShellPort: 1, ControlPort: 2, StdinPort: 3, IOPubPort: 4, HBPort: 5,
		Key: NewID(), SignatureScheme: "hmac-sha256",
	}
}
