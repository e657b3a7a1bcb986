// Package backend chooses the engine that runs a model's graphs: XLA on CUDA,
// XLA on the CPU, or the Go backend, which needs nothing.
//
// GOLENS_BACKEND forces one of them. Without it the first that works is taken,
// and nothing is ever downloaded: an XLA plugin is used where it already is.
package backend

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend" // registers "go"
)

// Env is the environment variable that forces a backend.
const Env = "GOLENS_BACKEND"

// Names are the backends that GOLENS_BACKEND and Open know, best first. A path
// to a plugin, xla:/path/to/plugin.so, is understood too.
var Names = []string{"xla:cuda", "xla:cpu", "go"}

// A Backend is an engine and its name.
type Backend struct {
	compute.Backend
	Name string // "go", "xla:cpu", "xla:cuda" or "xla:/path"
}

// Go tells whether this is the Go backend, on which a batch is best split over
// goroutines.
func (b *Backend) Go() bool { return b.Name == "go" }

// Describe is the name with what else decides its speed.
func (b *Backend) Describe() string {
	if b.Go() && !SIMD {
		return "go (built without SIMD: 10x slower; build with GOEXPERIMENT=simd)"
	}
	if b.Go() {
		return "go (SIMD)"
	}
	return b.Name
}

var (
	mu   sync.Mutex
	open = map[string]*Backend{} // engines live as long as the process
)

// Open opens the named backend. An empty name means what GOLENS_BACKEND says,
// or else the first that works.
func Open(name string) (*Backend, error) {
	warnPreempt()
	if name == "" {
		name = os.Getenv(Env)
	}
	if name != "" {
		return get(name)
	}
	var last error
	for _, name := range Names {
		b, err := get(name)
		if err == nil {
			return b, nil
		}
		last = err
	}
	return nil, last
}

func get(name string) (*Backend, error) {
	if !slices.Contains(Names, name) && !strings.HasPrefix(name, "xla:/") {
		return nil, fmt.Errorf("backend: %q is not known; %s may be %s or xla:/path/to/plugin.so",
			name, Env, strings.Join(Names, ", "))
	}
	mu.Lock()
	defer mu.Unlock()
	if b := open[name]; b != nil {
		return b, nil
	}
	engine, err := start(name)
	if err != nil {
		return nil, err
	}
	b := &Backend{Backend: engine, Name: name}
	open[name] = b
	return b, nil
}

// start recovers, because a missing or broken plugin panics in the library.
func start(name string) (engine compute.Backend, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("backend %s: %v", name, r)
		}
	}()
	if name != "go" {
		return startXLA(name)
	}
	engine, err = compute.NewWithConfig("go")
	if err != nil {
		return nil, fmt.Errorf("backend go: %w", err)
	}
	unlimitWorkers(engine)
	return engine, nil
}

// unlimitWorkers lifts the Go backend's limit of workers. With it, a graph in
// which four or more matrix products are ready at once deadlocks on two cores:
// every node holds a worker and waits for more. The field is of an internal
// type, and the configuration option that sets it prints to standard output.
func unlimitWorkers(engine compute.Backend) {
	reflect.ValueOf(engine).Elem().FieldByName("Workers").
		MethodByName("SetMaxParallelism").Call([]reflect.Value{reflect.ValueOf(-1)})
}
