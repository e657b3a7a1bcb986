package main

import (
	"fmt"
	"path/filepath"

	"github.com/gomlx/go-xla/installer"
)

// get downloads what is named, by the library's own installer, to where the
// library looks for it.
func get(name string) error {
	if name != "xla-cpu" {
		return fmt.Errorf("unknown; golens can get xla-cpu")
	}
	lib, err := installer.DefaultHomeLibPath()
	if err != nil {
		return err
	}
	dir := filepath.Join(lib, "go-xla")
	// Kept in the library's cache, so that a second try does not download again.
	const useCache = true
	if err := installer.CPUAutoInstall(dir, useCache, installer.Normal); err != nil {
		return fmt.Errorf("GoMLX's installer failed: %w", err)
	}
	fmt.Printf("the XLA plugin for CPUs is in %s\n", dir)
	return nil
}
