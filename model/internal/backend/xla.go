//go:build cgo && !noxla && ((linux && (amd64 || arm64)) || (darwin && arm64))

package backend

import (
	"fmt"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
)

// startXLA loads a plugin that is already on this machine.
func startXLA(name string) (compute.Backend, error) {
	xla.EnableAutoInstall(false) // downloading is an explicit command
	engine, err := compute.NewWithConfig(inFloat32(name))
	if err != nil {
		return nil, fmt.Errorf("backend %s: no working plugin (`golens get xla-cpu` brings the CPU one): %w", name, err)
	}
	return engine, nil
}

// inFloat32 has a GPU multiply in float32, unless its options say otherwise: the
// library's default is TF32, whose factors have ten bits.
func inFloat32(name string) string {
	if strings.Contains(strings.ToLower(name), "cuda") && !strings.Contains(name, "tf32") {
		return name + ",tf32=false"
	}
	return name
}
