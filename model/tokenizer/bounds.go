package tokenizer

import (
	"encoding/json"
	"fmt"
)

const (
	// maxNesting bounds sequences within sequences, each of which reads all that
	// is in it; known files nest twice.
	maxNesting = 32
	// maxGrowth bounds how much longer a normalizer or a decoder makes a text:
	// chains of Replace multiply, and 60 of them that double would fill any
	// memory. Known files write three bytes for a space.
	maxGrowth = 1000
)

// shallow refuses a part of the file that is nested more deeply than any use
// needs. The part is valid JSON.
func shallow(field string, raw json.RawMessage) error {
	depth, text := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '{' || c == '[':
			if depth++; depth > maxNesting {
				return fmt.Errorf("%s: nested more than %d deep", field, maxNesting)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// bounded refuses steps that together may make a text grow beyond use. growth
// is how many bytes a step may write for one; below 1 counts as 1.
func bounded[S any](field string, steps []S, growth func(S) float64) error {
	all := 1.0
	for _, s := range steps {
		all *= max(1, growth(s))
	}
	if all > maxGrowth {
		return fmt.Errorf("%s: its Replace steps together may make a text %.3g times as long; up to %d is read", field, all, maxGrowth)
	}
	return nil
}

// grows is how many bytes a step of a decoder may write for one.
func grows(d decoding) float64 {
	if r, ok := d.(replacing); ok {
		return float64(len(r.to)) / float64(len(r.from))
	}
	return 1
}
