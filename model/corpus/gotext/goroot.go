package gotext

import (
	"fmt"
	"os/exec"
	"strings"
)

// Root is the folder of the Go release whose go command is on the path.
func Root() (string, error) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	root := strings.TrimSpace(string(out))
	if err != nil || root == "" {
		return "", fmt.Errorf("gotext: no Go release found (go env GOROOT gave %q): %w", root, err)
	}
	return root, nil
}
