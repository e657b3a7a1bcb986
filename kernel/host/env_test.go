package host

import (
	"slices"
	"testing"
)

func TestEnvAddsToGODEBUG(t *testing.T) {
	for _, test := range []struct {
		name      string
		env, want []string
	}{
		{"none", []string{"A=1"}, []string{"A=1", "GODEBUG=asyncpreemptoff=1"}},
		{"empty", []string{"GODEBUG="}, []string{"GODEBUG=asyncpreemptoff=1"}},
		{"others are kept", []string{"GODEBUG=gctrace=1,madvdontneed=1"}, []string{"GODEBUG=gctrace=1,madvdontneed=1,asyncpreemptoff=1"}},
		{"said already", []string{"GODEBUG=asyncpreemptoff=0,gctrace=1"}, []string{"GODEBUG=asyncpreemptoff=0,gctrace=1"}},
		{"the last one counts", []string{"GODEBUG=asyncpreemptoff=1", "GODEBUG=x=1"}, []string{"GODEBUG=x=1,asyncpreemptoff=1"}},
		{"another variable", []string{"XGODEBUG=asyncpreemptoff=1"}, []string{"XGODEBUG=asyncpreemptoff=1", "GODEBUG=asyncpreemptoff=1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := slices.Clone(test.env)
			if got := Env(test.env); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if !slices.Equal(test.env, before) {
				t.Errorf("the caller's list has become %q", test.env)
			}
		})
	}
}
