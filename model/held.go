//go:build !golens_cell

package model

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/golens/golens/model/internal/exec"
)

// held is how the weights under some processing are held, also in words; "" is
// float32.
func (s *source) held(p Processing) (held exec.Held, words string, err error) {
	env := s.heldAs
	if env == "" && s.oneFile {
		env = "published"
	}
	as, room, bounded := strings.Cut(env, ":")
	if bounded {
		mb, err := strconv.ParseUint(strings.TrimSuffix(room, "MB"), 10, 32)
		if err != nil || as != "published" {
			return held, "", badHeld(env)
		}
		held.Most = max(1, int64(mb)*1e6)
	}
	switch {
	case as != "" && as != "published" && as != "float32":
		return held, "", badHeld(env)
	case as == "published" && !p.RefactorQK && !p.RefactorOV: // these take long
		held.AsPublished = true
		return held, "held as published, a block's in float32 while it runs", nil
	}
	return held, "", nil
}

func badHeld(env string) error {
	return fmt.Errorf("%s is %q; it may be published, published:500MB or float32", WeightsEnv, env)
}
