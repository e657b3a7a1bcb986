//go:build cgo && !noxla && ((linux && (amd64 || arm64)) || (darwin && arm64))

package backend

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
)

// startXLA loads a plugin that is already on this machine.
func startXLA(name string) (compute.Backend, error) {
	xla.EnableAutoInstall(false) // downloading is an explicit command
	engine, err := compute.NewWithConfig(name)
	if err != nil {
		return nil, fmt.Errorf("backend %s: no working plugin (`golens get xla-cpu` brings the CPU one): %w", name, err)
	}
	return engine, nil
}
