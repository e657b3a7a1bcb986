// Package porttest finds ports for tests whose servers listen later, or again.
package porttest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// The ports that Free looks through. Systems hand out higher ones, to whoever asks for
// any and to whoever calls: one of those may be somebody else's by the time it is used.
const lowest, highest = 15_000, 32_000

// Free is n ports of this machine that nobody uses, and nobody gets by chance.
func Free(t testing.TB, n int) (ports []int) {
	t.Helper()
	for range 1000 {
		port := lowest + rand.IntN(highest-lowest)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer l.Close() // at the end, so that all are different
		if ports = append(ports, port); len(ports) == n {
			return ports
		}
	}
	t.Fatalf("no %d free ports among a thousand", n)
	return nil
}
