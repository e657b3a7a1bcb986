//go:build !golens_cell

package model

import "os"

// WeightsEnv names the environment variable that says how weights lie in memory:
// "published" leaves the matrices of blocks as they are on disk, in mapped memory,
// and makes a block's float32 while it runs; "float32", or nothing, makes all of
// them float32 when the model opens. The numbers are the same to the last bit.
// Processed weights are always float32.
const WeightsEnv = "GOLENS_WEIGHTS"

// heldAs is how the weights of a model under some processing are held; "" is
// float32.
func heldAs(p Processing) string {
	if os.Getenv(WeightsEnv) == "published" && p == (Processing{}) {
		return "held as published, a block's in float32 while it runs"
	}
	return ""
}
