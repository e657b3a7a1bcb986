package cluster_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/golens/golens/kernel/cluster"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/tally"
)

// TestMain makes this program a worker, a server and a client, too: work is dealt
// between processes, as it is among machines.
func TestMain(m *testing.M) {
	os.Setenv("GOLENS_CLUSTER_PIECE", "1") // of a FLOP: the tiny model's work is dealt, too
	if os.Getenv("GOLENS_CLUSTER_WAIT") == "" {
		os.Setenv("GOLENS_CLUSTER_WAIT", "4m")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var err error
	switch os.Getenv("GOLENS_TEST_ROLE") {
	case "worker":
		silence := time.Minute // on a busy machine a second may pass without a word
		if text := os.Getenv("GOLENS_TEST_SILENCE"); text != "" {
			silence, _ = time.ParseDuration(text)
		}
		name := os.Getenv("GOLENS_TEST_MODEL")
		if name == "" {
			name = modeltest.Dir()
		}
		err = model.Work(ctx, model.WorkOptions{Cluster: os.Getenv(model.ClusterEnv), Model: name, Processing: os.Getenv("GOLENS_TEST_PROCESSING"),
			Silence: silence, Log: func(f string, args ...any) { fmt.Printf(f+"\n", args...) }})
	case "server":
		var s *cluster.Server
		if s, err = cluster.Start(cluster.Options{Folder: os.Getenv("GOLENS_TEST_FOLDER"), Listen: os.Getenv("GOLENS_TEST_LISTEN"), Log: func(f string, args ...any) { fmt.Printf(f+"\n", args...) }}); err == nil {
			fmt.Println("listens")
			<-ctx.Done()
			err = s.Close()
		}
	case "client":
		var m *model.Model
		if m, err = model.Open(modeltest.Dir()); err == nil {
			seed, _ := strconv.ParseUint(os.Getenv("GOLENS_TEST_SEED"), 10, 64)
			fmt.Println("asks")
			_, err = m.Sweep(heads(m, 24, seed))
		}
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func startServer(t testing.TB, o cluster.Options) *cluster.Server {
	t.Helper()
	if o.Folder == "" {
		o.Folder = t.TempDir()
		if err := os.Chmod(o.Folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	s, err := cluster.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// process is a worker in a process of its own.
type process struct {
	*exec.Cmd
	mu  sync.Mutex
	out strings.Builder
}

func (p *process) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(data)
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// start starts this program in a role, with more of an environment.
func start(t testing.TB, role string, env []string, wrap ...string) *process {
	t.Helper()
	args := append(wrap, os.Args[0])
	p := &process{Cmd: exec.Command(args[0], args[1:]...)}
	p.Env = append(append(os.Environ(), "GOLENS_TEST_ROLE="+role), env...)
	p.Stdout, p.Stderr = p, p
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s %d said:\n%s", role, p.Process.Pid, p.said())
		}
	})
	return p
}

// kill ends a process as a crash does.
func (p *process) kill() {
	_ = p.Process.Kill()
	_ = p.Wait()
}

// until waits until a process has said something.
func (p *process) until(t testing.TB, said string) {
	t.Helper()
	for began := time.Now(); !strings.Contains(p.said(), said); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > 4*time.Minute {
			t.Fatalf("it does not say %q: %s", said, p.said())
		}
	}
}

func startWorker(t testing.TB, join string, env ...string) *process {
	t.Helper()
	return start(t, "worker", append(env, model.ClusterEnv+"="+join))
}

// dealer opens the tiny model with its work dealt.
func dealer(t testing.TB, join string) *model.Model {
	t.Helper()
	m, err := model.OpenContext(model.WithCluster(t.Context(), join), modeltest.Dir())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func local(t testing.TB) *model.Model {
	t.Helper()
	m, err := model.OpenContext(model.WithCluster(t.Context(), ""), modeltest.Dir())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// heads is a sweep of so many prompts; the seed makes it another.
func heads(m *model.Model, prompts int, seed uint64) model.Sweep {
	rng := rand.New(rand.NewPCG(seed, 1))
	var rows [][]int32
	for range prompts {
		row := make([]int32, 3+rng.IntN(20))
		for i := range row {
			row[i] = rng.Int32N(int32(m.Config().Vocab))
		}
		rows = append(rows, row)
	}
	s := model.Sweep{Base: m.Rows(rows).Metric(model.NLL()), Captures: []hook.Point{hook.ResidPost(2).At(-1)}}
	for l := range m.Config().Layers {
		for h := range m.Config().Heads {
			for range 4 {
				s.Variants = append(s.Variants, model.Variant{Name: fmt.Sprintf("%d.%d", l, h), Edits: []hook.Edit{hook.Z(l).Head(h).Scale(rng.Float32())}})
			}
		}
	}
	return s
}

// Three processes do a sweep and a tally as one does, to the last bit.
func TestThreeWorkersEqualOneProcess(t *testing.T) {
	s := startServer(t, cluster.Options{})
	for range 3 {
		startWorker(t, s.Join)
	}
	m, here := dealer(t, s.Join), local(t)
	sweep := heads(here, 24, 1)
	want, err := here.Sweep(sweep)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := m.Explain(sweep)
	if err != nil || plan.Messages < 3 || plan.Bytes < 1000 {
		t.Errorf("explained as %v, %v", plan, err)
	}
	var told []int
	ctx := model.WithProgress(t.Context(), func(done, total int) { told = append(told, done, total) })
	got, err := m.SweepContext(ctx, sweep)
	if err != nil {
		t.Fatal(err)
	}
	if err := modeltest.SameSweep(want, got); err != nil {
		t.Error(err)
	}
	if n := len(told); n < 4 || told[n-2] != told[n-1] {
		t.Errorf("told of progress: %v", told)
	}
	pieces := 0
	for _, share := range got.Computed {
		pieces += share.Pieces
	}
	if pieces != plan.Messages || !strings.Contains(got.Provenance.String(), "pieces on ") {
		t.Errorf("%d pieces of %d: %s", pieces, plan.Messages, got.Provenance)
	}
	var rows [][]int32
	for range 20 {
		rows = append(rows, sweep.Base.Rows...)
	}
	ask := model.Tally{Rows: rows, Reducers: []tally.Reducer{{Point: hook.MLPPost(1), Kind: tally.Moments}, {Point: hook.MLPPost(2), Kind: tally.Top, K: 3}}}
	wantTally, err := here.Tally(ask)
	if err != nil {
		t.Fatal(err)
	}
	gotTally, err := m.Tally(ask)
	if err != nil {
		t.Fatal(err)
	}
	if err := modeltest.SameTally(wantTally, gotTally); err != nil {
		t.Error(err)
	}
	walk := func(yield func(model.TallyRow, error) bool) {
		for range 10 { // more than are asked for at once
			for _, row := range rows {
				if !yield(model.TallyRow{Tokens: row}, nil) {
					return
				}
			}
		}
	}
	ask.Rows, ask.Of = nil, 10*len(rows)
	if wantTally, err = here.TallyOver(t.Context(), ask, walk, nil); err != nil {
		t.Fatal(err)
	}
	told = nil
	if gotTally, err = m.TallyOver(ctx, ask, walk, nil); err != nil {
		t.Fatal(err)
	}
	if err := modeltest.SameTally(wantTally, gotTally); err != nil {
		t.Errorf("a corpus: %v", err)
	}
	if !slices.Contains(told, ask.Of) || len(gotTally.Computed) == 0 {
		t.Errorf("a corpus of %d rows: told of %v, computed by %v", ask.Of, told, gotTally.Computed)
	}
	t.Log(settled(t, m, 3))
}

// settled waits until no work is queued and so many workers are known: the last
// acknowledgement, or a worker's word, may be on its way.
func settled(t testing.TB, m *model.Model, workers int) *model.ClusterStatus {
	t.Helper()
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		status, err := m.Cluster()
		if err != nil {
			t.Fatal(err)
		}
		if len(status.Jobs) == 0 && (workers < 0 || len(status.Workers) == workers) {
			return status
		}
		if time.Since(began) > 4*time.Minute {
			t.Fatalf("work is left behind, or there are not %d workers: %s", workers, status)
		}
	}
}

// emptied is settled, however many workers there are.
func emptied(t testing.TB, m *model.Model) { t.Helper(); settled(t, m, -1) }

func clusterOn(listen string) cluster.Options { return cluster.Options{Listen: listen} }
