package tokenizer

import "strings"

const (
	llama3Pattern = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	qwen2Pattern  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	// cl100kPattern is llama3Pattern in another spelling: a possessive ?+ or ++
	// before a disjoint class, and \s*[\r\n], whose \s* takes the earlier ones.
	cl100kPattern = `'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`
)

// scanCL100K scans the pattern of cl100k, Llama 3 (digits 3) and Qwen 2
// (digits 1): a number is cut after that many digits.
func scanCL100K(digits int) scanner {
	return func(s string) int {
		if n := foldedContraction(s); n > 0 {
			return n
		}
		c, width := first(s)
		switch c {
		case letter:
			return run(s, letter)
		case number:
			return runAtMost(s, number, digits)
		}
		// One character that is no line break may lead a word.
		if s[0] != '\r' && s[0] != '\n' {
			if n := run(s[width:], letter); n > 0 {
				return width + n
			}
		}
		return symbolsOrSpaces(s, "\r\n")
	}
}

// symbolsOrSpaces is the length of symbols, after a space or not, with all that
// follows of after; or else of white space up to its last line break, or, if it
// has none, as [spaces] cuts it.
func symbolsOrSpaces(s, after string) int {
	from := 0
	if s[0] == ' ' {
		from = 1
	}
	if n := run(s[from:], symbol); n > 0 {
		n += from
		return len(s) - len(strings.TrimLeft(s[n:], after))
	}
	n := run(s, space)
	if last := strings.LastIndexAny(s[:n], "\r\n"); last >= 0 {
		return last + 1
	}
	return spaces(s, n)
}

// foldedContraction is the length of the contraction at the start of s in any
// case, or 0. The long s ſ folds to s, as it does in the regular expression.
func foldedContraction(s string) int {
	if s[0] != '\'' {
		return 0
	}
	if strings.HasPrefix(s, "'ſ") {
		return len("'ſ")
	}
	for _, c := range contractions {
		if len(s) >= len(c) && strings.EqualFold(s[:len(c)], c) {
			return len(c)
		}
	}
	return 0
}

// runAtMost is run, cut after at most limit characters.
func runAtMost(s string, c class, limit int) int {
	i := 0
	for count := 0; i < len(s) && count < limit; count++ {
		got, n := first(s[i:])
		if got != c {
			break
		}
		i += n
	}
	return i
}
