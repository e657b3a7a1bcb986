package hub

import (
	"fmt"
	"math"
	"sync"
	"time"
)

// A Progress is how far the download of a model is.
type Progress struct {
	Model       string
	Done, Total int64         // bytes
	Rate        float64       // bytes per second, of the last few seconds; 0 while unknown
	Left        time.Duration // at that rate; 0 while unknown
}

// String is how much there is, how fast it comes and how long it will take.
func (p Progress) String() string {
	s := fmt.Sprintf("%s of %s", Bytes(p.Done), Bytes(p.Total))
	if p.Rate > 0 {
		s += fmt.Sprintf(", %s/s", Bytes(int64(p.Rate)))
	}
	if p.Left > 0 {
		s += fmt.Sprintf(", %s left", p.Left.Round(time.Second))
	}
	return s
}

// Bytes writes a number of bytes as people say it.
func Bytes(n int64) string {
	x, units := float64(n), []string{"B", "kB", "MB", "GB", "TB"}
	for len(units) > 1 && x >= 999.5 {
		x, units = x/1000, units[1:]
	}
	if x >= 99.95 || units[0] == "B" {
		return fmt.Sprintf("%.0f %s", x, units[0])
	}
	return fmt.Sprintf("%.1f %s", x, units[0])
}

const (
	// tick bounds how often progress is told: what is drawn more often than ten
	// times a second is not seen.
	tick = 100 * time.Millisecond
	// memory is how far back the rate looks: long enough to be calm, short
	// enough to follow a network that gets slower.
	memory = 3 * time.Second
)

// meter counts bytes and tells of them.
type meter struct {
	tell func(Progress)
	now  func() time.Time

	mu    sync.Mutex
	p     Progress
	fresh int64 // bytes since last
	last  time.Time
	// Bytes and the seconds that they took, of which the older ones fade.
	bytes, seconds float64
}

func newMeter(model string, tell func(Progress)) *meter {
	m := &meter{tell: tell, now: time.Now, p: Progress{Model: model}}
	m.last = m.now()
	return m
}

// expect adds to what is to come, and tells of it.
func (m *meter) expect(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.Total += n
	m.say()
}

// have counts bytes that were there already; negative ones must come again.
func (m *meter) have(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.Done += n
}

// add counts bytes that came over the network.
func (m *meter) add(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.Done += n
	m.fresh += n
	now := m.now()
	took := now.Sub(m.last)
	if took < tick {
		return
	}
	fade := math.Exp(-took.Seconds() / memory.Seconds())
	m.bytes, m.seconds = fade*m.bytes+float64(m.fresh), fade*m.seconds+took.Seconds()
	m.p.Rate, m.fresh, m.last = m.bytes/m.seconds, 0, now
	m.p.Left = 0
	if left := float64(m.p.Total-m.p.Done) / m.p.Rate; left < 1e6 { // about 12 days: no estimate
		m.p.Left = time.Duration(left * float64(time.Second))
	}
	m.say()
}

// end tells the last state.
func (m *meter) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.Left = 0
	m.say()
}

func (m *meter) say() {
	if m.tell != nil && m.p.Total > 0 {
		m.tell(m.p)
	}
}
