package bench

import (
	"fmt"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/golens/golens/model"
)

// A Stage is a part of an analysis.
type Stage struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	// PeakRSS is the most memory that the process had resident during the stage,
	// in bytes; where Reset is false, since it began. 0 means unknown.
	PeakRSS int64 `json:"peak_rss"`
	Reset   bool  `json:"peak_rss_of_stage"`

	Passes   int `json:"passes"`   // full ones
	Sweeps   int `json:"sweeps"`   // of several variants
	Variants int `json:"variants"` // of all sweeps
	// FLOPs are those of the sweeps, their base and source runs included, and
	// Naive those of one full pass for every variant.
	FLOPs int64 `json:"flops"`
	Naive int64 `json:"naive_flops"`
}

// Share is the cost of the stage's sweeps over that of full passes, 0 without
// sweeps.
func (s Stage) Share() float64 {
	if s.Naive == 0 {
		return 0
	}
	return float64(s.FLOPs) / float64(s.Naive)
}

// A Report is what an analysis cost, and where.
type Report struct {
	Analysis string  `json:"analysis"`
	Model    string  `json:"model"`
	Config   string  `json:"config"`
	Prompts  int     `json:"prompts"`
	Tokens   int     `json:"tokens"` // of the longest prompt
	Stages   []Stage `json:"stages"`
	Machine  Machine `json:"machine"`
}

// A Machine is where and with what something ran.
type Machine struct {
	Backend string `json:"backend"`
	Golens  string `json:"golens"`
	Go      string `json:"go"`
	System  string `json:"system"`
	CPU     string `json:"cpu"`   // its name, "" if unknown
	Cores   int    `json:"cores"` // that the process may use
}

func machine(i model.Info) Machine {
	return Machine{
		Backend: i.Backend, Golens: i.Version, Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH,
		CPU: cpuName(), Cores: min(runtime.NumCPU(), runtime.GOMAXPROCS(0)),
	}
}

// Sum is several stages as one: those whose names begin with the text, or all
// for "".
func (r *Report) Sum(name, prefix string) Stage {
	sum := Stage{Name: name, Reset: true}
	for _, s := range r.Stages {
		if !strings.HasPrefix(s.Name, prefix) {
			continue
		}
		sum.Seconds += s.Seconds
		sum.PeakRSS, sum.Reset = max(sum.PeakRSS, s.PeakRSS), sum.Reset && s.Reset
		sum.Passes, sum.Sweeps, sum.Variants = sum.Passes+s.Passes, sum.Sweeps+s.Sweeps, sum.Variants+s.Variants
		sum.FLOPs, sum.Naive = sum.FLOPs+s.FLOPs, sum.Naive+s.Naive
	}
	return sum
}

// String is a table.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s on %s, %d prompts of up to %d tokens\n%s\n", r.Analysis, r.Model, r.Prompts, r.Tokens, r.Config)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "stage\ttime\tpeak RSS\tpasses\tsweeps\tvariants\tTFLOP\tof naive\t")
	whole := true
	for _, s := range append(r.Stages, r.Sum("all "+pathStages, pathStages), r.Sum("everything", "")) {
		share, memory := "–", "–"
		if s.Naive > 0 {
			share = fmt.Sprintf("%.1f%%", 100*s.Share())
		}
		if s.PeakRSS > 0 {
			memory = fmt.Sprintf("%d MB", s.PeakRSS>>20)
			whole = whole && s.Reset
		}
		took := time.Duration(s.Seconds * float64(time.Second)).Round(time.Millisecond)
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%.3f\t%s\t\n", s.Name, took, memory, s.Passes, s.Sweeps, s.Variants, float64(s.FLOPs)/1e12, share)
	}
	_ = w.Flush() // a strings.Builder takes everything
	b.WriteString("time with compilation; peak RSS: most resident memory of this process ")
	if whole {
		b.WriteString("during the stage")
	} else {
		b.WriteString("until the stage's end")
	}
	b.WriteString("; TFLOP of the sweeps, of naive: beside a full pass for every variant\n")
	m := r.Machine
	cpu := m.CPU
	if cpu == "" {
		cpu = "unknown CPU"
	}
	fmt.Fprintf(&b, "%s; %d cores, %s, %s; %s, golens %s\n", m.Backend, m.Cores, cpu, m.System, m.Go, m.Golens)
	return b.String()
}
