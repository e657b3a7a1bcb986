package kerneltest

import (
	"fmt"
	"os"
	"runtime"
)

// Busy tells whether others want the machine's processors, as far as the system
// says: how long something took then says nothing of golens. One kernel and the
// build of its cells do not make a machine busy.
func Busy() bool {
	var load, waits float64
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		_, _ = fmt.Sscan(string(text), &load) // of a minute
	}
	if text, err := os.ReadFile("/proc/pressure/cpu"); err == nil {
		_, _ = fmt.Sscanf(string(text), "some avg10=%f", &waits) // the share of ten seconds in which something waited
	}
	return load > 1.5*float64(runtime.NumCPU()) || waits > 60
}
