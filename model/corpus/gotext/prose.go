package gotext

import "strings"

const (
	shortest = 60   // bytes of a paragraph worth learning from; shorter ones are labels
	longest  = 2000 // bytes; longer ones are tables
	// letters is the least share of letters and spaces; what has fewer is code,
	// a table or a drawing.
	letters = 0.9
)

// prose are the paragraphs of a comment that are sentences, each on one line.
func prose(comment string) []string {
	var kept []string
	for block := range strings.SplitSeq(comment, "\n\n") {
		if strings.Contains(block, "\n\t") || strings.HasPrefix(block, "\t") || strings.HasPrefix(block, " ") {
			continue // code, a list or a table
		}
		p := strings.Join(strings.Fields(block), " ")
		if isProse(p) {
			kept = append(kept, p)
		}
	}
	return kept
}

func isProse(p string) bool {
	if len(p) < shortest || len(p) > longest || strings.HasPrefix(p, "Copyright") {
		return false
	}
	plain := 0
	for _, c := range []byte(p) {
		switch {
		case c >= 0x80:
			return false
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == ' ':
			plain++
		}
	}
	return float64(plain) >= letters*float64(len(p))
}
