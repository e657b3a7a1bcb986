package queue

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// Kind is what a worker must have to do a piece: workers of another kind never see it.
type Kind struct {
	Weights    string // hash of the weights' content
	Processing string // of the weights, as content
	Version    string // of golens
}

// Name is the hash of a kind, short enough for a subject.
func (k Kind) Name() string { return hash(k.Weights, k.Processing, k.Version)[:20] }

// A Message says which piece of a job to do. It is small: what is asked lies in the
// object store.
type Message struct {
	Job     string // hash of what is asked, by which it lies in the object store
	Verb    string
	Cut     string // how it is cut into chunks
	From    int    // first chunk
	Until   int    // the one after the last
	FLOPs   int64
	Of      string // what a user calls it
	Version string // of golens
}

// Name is the hash of what the piece computes, whoever does it: on which engine is
// what the result says.
func (m Message) Name(k Kind) string {
	return hash(k.Weights, k.Processing, k.Version, m.Job, m.Verb, m.Cut, fmt.Sprint(m.From), fmt.Sprint(m.Until))
}

func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s\n", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// largestMessage bounds what is read as a message.
const largestMessage = 1 << 14

// ReadMessage reads a message, of which nothing is believed.
func ReadMessage(data []byte) (m Message, err error) {
	if len(data) > largestMessage {
		return m, fmt.Errorf("a message of %d bytes; at most %d", len(data), largestMessage)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, fmt.Errorf("a message that cannot be read: %w", err)
	}
	if d.More() {
		return m, fmt.Errorf("more follows a message")
	}
	if raw, err := hex.DecodeString(m.Job); err != nil || len(raw) != sha256.Size || m.Job != strings.ToLower(m.Job) {
		return m, fmt.Errorf("a message whose job is %.80q, and no hash", m.Job)
	}
	if m.From < 0 || m.Until <= m.From {
		return m, fmt.Errorf("a message for chunks %d to %d", m.From, m.Until)
	}
	return m, nil
}
