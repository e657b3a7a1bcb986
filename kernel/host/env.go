package host

import "strings"

// preempt is the setting without which a program built with GOEXPERIMENT=simd
// may compute an exponential 25 to 80 times slower on processors with AVX-512:
// an asynchronous preemption leaves their wide registers in use. //go:debug
// does not accept it, so whoever starts a host sets it.
const preempt = "asyncpreemptoff"

// Env returns env, an environment as os.Environ gives it, as a host needs it:
// with asyncpreemptoff=1 added to GODEBUG, unless GODEBUG speaks of it already.
func Env(env []string) []string {
	debug := ""
	for _, v := range env {
		if value, ok := strings.CutPrefix(v, "GODEBUG="); ok {
			debug = value // the last one counts
		}
	}
	for _, setting := range strings.Split(debug, ",") {
		if name, _, _ := strings.Cut(setting, "="); name == preempt {
			return env
		}
	}
	if debug != "" {
		debug += ","
	}
	// Others are left out: exec hands on duplicates, and programs read the first.
	var out []string
	for _, v := range env {
		if !strings.HasPrefix(v, "GODEBUG=") {
			out = append(out, v)
		}
	}
	return append(out, "GODEBUG="+debug+preempt+"=1")
}
