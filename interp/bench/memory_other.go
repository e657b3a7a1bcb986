//go:build !linux

package bench

// Elsewhere the peak of resident memory is not known.
func resetPeak() bool { return false }

func peak() int64 { return 0 }

func cpuName() string { return "" }
