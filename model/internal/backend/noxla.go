//go:build !cgo || noxla || !((linux && (amd64 || arm64)) || (darwin && arm64))

package backend

import (
	"fmt"

	"github.com/gomlx/compute"
)

func startXLA(name string) (compute.Backend, error) {
	return nil, fmt.Errorf("backend %s: this program was built without cgo, which XLA needs", name)
}
