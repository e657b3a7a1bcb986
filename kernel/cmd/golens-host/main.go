// Command golens-host is the model host of a golens kernel. It is built and
// started by the golens command; see package kernel/host.
package main

import (
	"os"

	"github.com/golens/golens/kernel/host"
)

func main() { os.Exit(host.Main()) }
