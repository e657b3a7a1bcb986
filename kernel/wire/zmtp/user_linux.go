package zmtp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
)

// sameUser returns an error if the peer of a connection over a loopback address
// belongs to another user of this machine, root apart. ZeroMQ's NULL mechanism
// does not ask who calls, and whoever subscribes would read all that a cell
// prints. The system's table of connections names each socket's owner.
func sameUser(c net.Conn) error {
	local, ok1 := c.LocalAddr().(*net.TCPAddr)
	remote, ok2 := c.RemoteAddr().(*net.TCPAddr)
	if !ok1 || !ok2 || !remote.IP.IsLoopback() {
		return nil
	}
	// The table is read while connections come and go: what is missed is looked
	// for again.
	for range 3 {
		for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
			f, err := os.Open(table)
			if errors.Is(err, fs.ErrNotExist) {
				continue // no IPv6 here
			}
			if err != nil {
				return nil // the system does not tell
			}
			uid, found := owner(bufio.NewScanner(f), remote.AddrPort(), local.AddrPort())
			f.Close()
			if !found {
				continue
			}
			if uid != "0" && uid != fmt.Sprint(os.Getuid()) {
				return fmt.Errorf("%w: user %s", errStranger, uid)
			}
			return nil
		}
	}
	return fmt.Errorf("%w: of an unknown user", errStranger)
}

var errStranger = errors.New("a process of another user is refused")

// owner finds the user of the socket at from that is connected to to.
func owner(table *bufio.Scanner, from, to netip.AddrPort) (uid string, found bool) {
	// sl local_address rem_address st tx_queue:rx_queue tr:when retrnsmt uid ...
	for table.Scan() {
		f := strings.Fields(table.Text())
		// Once it is closed (its state is no longer 01), a socket has no owner.
		if len(f) < 8 || f[3] != "01" {
			continue
		}
		if same(f[1], from) && same(f[2], to) {
			return f[7], true
		}
	}
	return "", false
}

// same compares an address of the table, whose words of four bytes are in the
// machine's order, with an address.
func same(text string, a netip.AddrPort) bool {
	host, port, _ := strings.Cut(text, ":")
	if port != fmt.Sprintf("%04X", a.Port()) {
		return false
	}
	ip := a.Addr().Unmap()
	if host == words(ip.AsSlice()) {
		return true
	}
	mapped := netip.AddrFrom16(ip.As16()) // an IPv4 peer of an IPv6 socket
	return host == words(mapped.AsSlice())
}

func words(b []byte) string {
	var s strings.Builder
	for ; len(b) >= 4; b = b[4:] {
		fmt.Fprintf(&s, "%08X", binary.NativeEndian.Uint32(b))
	}
	return s.String()
}
