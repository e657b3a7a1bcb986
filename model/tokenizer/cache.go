package tokenizer

import (
	"strings"
	"sync"
)

const (
	// cacheWords bounds the cache: full, it is emptied, because what a session
	// tokenizes next resembles what it tokenized last, not what it began with.
	cacheWords = 1 << 15
	// cacheLength is the longest word that is kept, in bytes. Natural words are
	// shorter; longer ones seldom return.
	cacheLength = 48
)

// cache remembers words' tokens. The zero cache is ready to use.
type cache struct {
	mu    sync.RWMutex
	words map[string][]piece
}

func (c *cache) get(word string) ([]piece, bool) {
	if len(word) > cacheLength {
		return nil, false
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	pieces, ok := c.words[word]
	return pieces, ok
}

// put keeps a copy of the tokens, and of the word, which is a part of a text
// that would otherwise live as long as the cache.
func (c *cache) put(word string, pieces []piece) {
	if len(word) > cacheLength {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.words == nil || len(c.words) >= cacheWords {
		c.words = map[string][]piece{}
	}
	c.words[strings.Clone(word)] = append([]piece(nil), pieces...)
}
