//go:build !golens_cell

package model

import "os"

// heldAs is how the weights of a model under some processing are held; "" is
// float32.
func heldAs(p Processing) string {
	if os.Getenv(WeightsEnv) == "published" && p == (Processing{}) {
		return "held as published, a block's in float32 while it runs"
	}
	return ""
}
