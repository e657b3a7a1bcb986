package kerneltest

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/golens/golens/kernel/session"
	"github.com/golens/golens/kernel/shim"
	"github.com/golens/golens/kernel/supervisor"
)

// asKernel is the argument that makes a test's program a kernel.
const asKernel = "golens-test-kernel"

// Main runs the tests, or acts as one of the programs that a kernel starts.
func Main(m *testing.M) {
	switch {
	case shim.Is(os.Args[0]):
		os.Exit(shim.Main(os.Args))
	case len(os.Args) == 3 && os.Args[1] == asKernel:
		if err := supervisor.Run(context.Background(), supervisor.Config{ConnectionFile: os.Args[2], NoGopls: os.Getenv(withGopls) == ""}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// withGopls is the variable that gives a test's kernel completion.
const withGopls = "GOLENS_TEST_GOPLS"

// Command is the command of a kernel, as package session takes it.
func Command(t testing.TB) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{self, asKernel, "{connection_file}"}
}

// startLimit bounds a kernel's start with its first cell: on a machine where
// nothing is built yet the engine alone takes minutes, many where it is busy.
const startLimit = 20 * time.Minute

// Option changes a kernel that Start starts.
type Option func(*session.Config)

// Gopls gives the kernel completion and inspection.
func Gopls(c *session.Config) { c.Env = append(c.Env, withGopls+"=1") }

// Env adds to the kernel's environment.
func Env(variables ...string) Option {
	return func(c *session.Config) { c.Env = append(c.Env, variables...) }
}

// Start starts a kernel whose temporary files are all below a folder of the
// test, and waits until it runs cells. The test's end ends it.
func Start(t testing.TB, options ...Option) *session.Session {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: starts a kernel, which builds and runs programs; run without -short")
	}
	cfg := session.Config{Command: Command(t), Dir: t.TempDir(), Log: logTo{t},
		// With the race detector a program sleeps a second at its end, and a
		// cell starts several.
		Env: []string{"GORACE=atexit_sleep_ms=0"}}
	for _, o := range options {
		o(&cfg)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	t.Cleanup(cancel)
	s, err := session.Start(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if _, err := s.Execute(ctx, `%%
fmt.Print("ready")`, session.Limits{}, nil); err != nil {
		t.Fatalf("the first cell: %v", err)
	}
	return s
}

// logTo shows a kernel's log as the test's.
type logTo struct{ t testing.TB }

// Write implements io.Writer.
func (l logTo) Write(p []byte) (int, error) {
	if testing.Verbose() {
		fmt.Fprintf(os.Stderr, "%s: %s", l.t.Name(), p)
	}
	return len(p), nil
}
