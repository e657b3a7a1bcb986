//go:build !golens_cell

package model

import "os"

// held is how the weights under some processing are held; "" is float32.
func (s *source) held(p Processing) string {
	as := os.Getenv(WeightsEnv)
	if as == "" && s.oneFile {
		as = "published"
	}
	if as == "published" && !p.RefactorQK && !p.RefactorOV { // these take long
		return "held as published, a block's in float32 while it runs"
	}
	return ""
}
