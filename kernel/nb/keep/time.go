package keep

import (
	"fmt"
	"math"
	"time"
)

// The length of one batch of runs, and how many batches are timed.
const (
	batchTime = 200 * time.Millisecond
	batches   = 5
)

// TimeIt runs f again and again and prints how long a run takes.
func TimeIt(f func()) {
	start := time.Now()
	f()
	n := max(1, int(batchTime/max(time.Since(start), 1)))
	var sum, squares float64
	for range batches {
		start := time.Now()
		for range n {
			f()
		}
		x := time.Since(start).Seconds() / float64(n)
		sum, squares = sum+x, squares+x*x
	}
	mean := sum / batches
	spread := math.Sqrt(max(0, squares/batches-mean*mean))
	fmt.Printf("%s ± %s a run (%d × %d runs)\n", short(mean), short(spread), batches, n)
}

// short writes seconds with three digits.
func short(s float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1, "s"}, {1e-3, "ms"}, {1e-6, "µs"}} {
		if s >= u.size {
			return fmt.Sprintf("%.3g %s", s/u.size, u.name)
		}
	}
	return fmt.Sprintf("%.3g ns", s*1e9)
}

// Drop takes values that are not to be shown.
func Drop(...any) {}
