package queue

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"time"
)

// Status is how a cluster is.
type Status struct {
	Server  string
	Workers []Life
	Jobs    []JobStatus
}

// JobStatus is a job of which work is queued.
type JobStatus struct {
	Model, From    string
	Hash           string
	Begun          time.Time
	Pieces, Queued int
	Workers        int // that can do it
	Left           time.Duration
}

// Rate is the FLOPs a second of a worker, while it works.
func (l Life) Rate() float64 {
	if l.Busy == 0 {
		return 0
	}
	return float64(l.FLOPs) / l.Busy
}

// Status says how the cluster is.
func (q *Queue) Status(ctx context.Context) (*Status, error) {
	ctx, cancel := context.WithTimeout(ctx, operation)
	defer cancel()
	s := &Status{Server: q.String()}
	lives, err := values[Life](ctx, q.workers)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", q, explain(err))
	}
	for _, l := range lives {
		s.Workers = append(s.Workers, l)
	}
	sort.Slice(s.Workers, func(i, j int) bool { return s.Workers[i].Worker < s.Workers[j].Worker })
	jobs, err := values[jobRecord](ctx, q.jobs)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", q, explain(err))
	}
	subjects, err := q.queued(ctx, workPrefix+">")
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", q, explain(err))
	}
	queued := map[string]int{}
	for subject, n := range subjects {
		key, _, _ := cutLast(strings.TrimPrefix(subject, workPrefix))
		queued[key] += int(n)
	}
	for key, n := range queued {
		j := jobs[key] // of a job whose record is too old nothing more is known
		_, hash, _ := strings.Cut(key, ".")
		one := JobStatus{Model: j.Model, From: j.From, Hash: hash, Begun: j.Begun, Pieces: j.Pieces, Queued: n}
		rate := 0.0
		for _, l := range lives {
			if l.Kind == j.Kind {
				one.Workers++
				rate += l.Rate()
			}
		}
		if rate > 0 && j.Pieces > 0 {
			one.Left = time.Duration(float64(j.FLOPs) * float64(n) / float64(j.Pieces) / rate * float64(time.Second))
		}
		s.Jobs = append(s.Jobs, one)
	}
	sort.Slice(s.Jobs, func(i, j int) bool { return s.Jobs[i].Begun.Before(s.Jobs[j].Begun) })
	return s, nil
}

// cutLast cuts at the last dot.
func cutLast(s string) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, '.'); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}
