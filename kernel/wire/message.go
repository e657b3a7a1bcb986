package wire

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ProtocolVersion is the version of the Jupyter messaging protocol spoken here.
const ProtocolVersion = "5.3"

// delimiter stands between the routing identities and the message.
const delimiter = "<IDS|MSG>"

// Errors that Decode wraps.
var (
	// ErrMalformed: the frames are not a Jupyter message.
	ErrMalformed = errors.New("malformed message")
	// ErrSignature: the message is not signed with the connection's key.
	ErrSignature = errors.New("wrong signature")
)

// Header identifies a message.
type Header struct {
	MsgID    string `json:"msg_id"`
	Session  string `json:"session"`
	Username string `json:"username"`
	Date     string `json:"date"`
	MsgType  string `json:"msg_type"`
	Version  string `json:"version"`
}

// Message is one Jupyter message.
type Message struct {
	Identities [][]byte        // routing frames of a ROUTER socket, or the topic of a PUB socket
	Header     Header          // decoded from RawHeader
	RawHeader  json.RawMessage // as it came; nil in messages made here: Header is encoded
	Parent     json.RawMessage // parent_header; nil is written as {}
	Metadata   json.RawMessage // nil is written as {}
	Content    json.RawMessage // nil is written as {}
	Buffers    [][]byte        // binary buffers after the content
}

// New makes a message in answer to parent (nil for none) in the given session.
// It panics if content cannot be encoded as JSON: content is always ours.
func New(msgType, session string, parent *Message, content any) *Message {
	body, err := json.Marshal(content)
	if err != nil {
		panic(fmt.Sprintf("wire: content of %s: %v", msgType, err))
	}
	m := &Message{
		Header: Header{
			MsgID:    NewID(),
			Session:  session,
			Username: "golens",
			Date:     time.Now().UTC().Format(time.RFC3339Nano),
			MsgType:  msgType,
			Version:  ProtocolVersion,
		},
		Content: body,
	}
	if parent != nil {
		m.Parent = parent.header()
		m.Identities = parent.Identities
	}
	return m
}

// NewID returns a random message or session id.
func NewID() string {
	return rand.Text()
}

// ParentID returns the msg_id of the parent header, or "" if there is none.
func (m *Message) ParentID() string {
	var h struct {
		MsgID string `json:"msg_id"`
	}
	_ = json.Unmarshal(m.Parent, &h) // an unreadable parent is no parent
	return h.MsgID
}

// Decode fills v from the content.
func (m *Message) Decode(v any) error {
	if err := json.Unmarshal(m.Content, v); err != nil {
		return fmt.Errorf("%w: content of %s: %v", ErrMalformed, m.Header.MsgType, err)
	}
	return nil
}

// SetContent replaces the content. It panics if v cannot be encoded as JSON.
func (m *Message) SetContent(v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("wire: content of %s: %v", m.Header.MsgType, err))
	}
	m.Content = body
}

func (m *Message) header() json.RawMessage {
	if m.RawHeader != nil {
		return m.RawHeader
	}
	h, err := json.Marshal(m.Header)
	if err != nil { // a struct of strings always encodes
		panic(err)
	}
	return h
}

// Encode returns the frames of m signed with key (empty: not signed).
func (m *Message) Encode(key []byte) [][]byte {
	parts := [4][]byte{m.header(), orEmpty(m.Parent), orEmpty(m.Metadata), orEmpty(m.Content)}
	frames := make([][]byte, 0, len(m.Identities)+6+len(m.Buffers))
	frames = append(frames, m.Identities...)
	frames = append(frames, []byte(delimiter), sign(key, parts))
	frames = append(frames, parts[:]...)
	return append(frames, m.Buffers...)
}

// Decode reads the frames of one message and checks its signature under key
// (empty: signatures are not checked). The error wraps ErrMalformed or
// ErrSignature.
func Decode(frames [][]byte, key []byte) (*Message, error) {
	at := -1
	for i, f := range frames {
		if string(f) == delimiter {
			at = i
			break
		}
	}
	if at < 0 {
		return nil, fmt.Errorf("%w: no %s frame among %d", ErrMalformed, delimiter, len(frames))
	}
	rest := frames[at+1:]
	if len(rest) < 5 {
		return nil, fmt.Errorf("%w: %d frames after %s, want at least 5", ErrMalformed, len(rest), delimiter)
	}
	parts := [4][]byte{rest[1], rest[2], rest[3], rest[4]}
	if len(key) > 0 && !hmac.Equal(sign(key, parts), rest[0]) {
		return nil, ErrSignature
	}
	m := &Message{
		Identities: frames[:at:at],
		RawHeader:  parts[0],
		Parent:     parts[1],
		Metadata:   parts[2],
		Content:    parts[3],
		Buffers:    rest[5:],
	}
	for i, name := range []string{"header", "parent_header", "metadata", "content"} {
		if !isObject(parts[i]) {
			return nil, fmt.Errorf("%w: %s is not a JSON object", ErrMalformed, name)
		}
	}
	if err := json.Unmarshal(m.RawHeader, &m.Header); err != nil {
		return nil, fmt.Errorf("%w: header: %v", ErrMalformed, err)
	}
	if m.Header.MsgType == "" {
		return nil, fmt.Errorf("%w: header has no msg_type", ErrMalformed)
	}
	if m.Header.MsgID == "" { // answers are told apart by it
		return nil, fmt.Errorf("%w: header has no msg_id", ErrMalformed)
	}
	return m, nil
}

// isObject tells whether raw is a JSON object.
func isObject(raw []byte) bool {
	for _, c := range raw {
		switch c {
		case ' ', '\t', '\n', '\r':
			continue
		case '{':
			return json.Valid(raw)
		}
		return false
	}
	return false
}

func sign(key []byte, parts [4][]byte) []byte {
	if len(key) == 0 {
		return []byte{}
	}
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		mac.Write(p)
	}
	return hex.AppendEncode(nil, mac.Sum(nil))
}

func orEmpty(raw json.RawMessage) []byte {
	if len(raw) == 0 {
		return []byte("{}")
	}
	return raw
}
