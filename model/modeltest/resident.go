package modeltest

import (
	"os"
	"regexp"
	"strconv"
)

// ResetPeak makes the memory that the process has now its peak, and gives it; 0 where the
// system cannot.
func ResetPeak() int {
	const peak = "5" // see proc_pid_clear_refs(5)
	if err := os.WriteFile("/proc/self/clear_refs", []byte(peak), 0); err != nil {
		return 0
	}
	return Memory("VmRSS")
}

// Memory is a line of /proc/self/status, in bytes: VmRSS is what the process has, VmHWM
// the most that it had. It is 0 where the system has none.
func Memory(name string) int {
	data, _ := os.ReadFile("/proc/self/status")
	line := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(data)
	if line == nil {
		return 0
	}
	n, _ := strconv.Atoi(string(line[1]))
	return n << 10
}
