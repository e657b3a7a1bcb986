package wire

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

// frames is a signed message as a client sends it.
func frames(key string) [][]byte {
	m := New("execute_request", "s", nil, map[string]any{"code": "1"})
	m.Identities = [][]byte{[]byte("client")}
	m.Buffers = [][]byte{{0, 255}, {}}
	return m.Encode([]byte(key))
}

func TestRoundTripKeepsEveryByte(t *testing.T) {
	for _, key := range []string{"", "secret"} {
		in := frames(key)
		m, err := Decode(in, []byte(key))
		if err != nil {
			t.Fatal(err)
		}
		if m.Header.MsgType != "execute_request" || string(m.Identities[0]) != "client" {
			t.Errorf("decoded %+v", m.Header)
		}
		if out := m.Encode([]byte(key)); !slices.EqualFunc(in, out, bytes.Equal) {
			t.Errorf("key %q:\n in %q\nout %q", key, in, out)
		}
	}
}

func TestRelayKeepsUnknownFields(t *testing.T) {
	in := frames("")
	in[3] = []byte(`{"msg_id":"1","msg_type":"x","subshell_id":7}`)
	m, err := Decode(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if out := m.Encode(nil); string(out[3]) != string(in[3]) {
		t.Errorf("the header became %s", out[3])
	}
	if reply := New("y", "s", m, struct{}{}); string(reply.Parent) != string(in[3]) || reply.ParentID() != "1" {
		t.Errorf("the parent became %s", reply.Parent)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(f [][]byte) [][]byte
		want   error
	}{
		{"nothing", func([][]byte) [][]byte { return nil }, ErrMalformed},
		{"no delimiter", func(f [][]byte) [][]byte { return f[2:] }, ErrMalformed},
		{"too few frames", func(f [][]byte) [][]byte { return f[:6] }, ErrMalformed},
		{"changed content", func(f [][]byte) [][]byte { f[6] = []byte(`{"code":"2"}`); return f }, ErrSignature},
		{"no signature", func(f [][]byte) [][]byte { f[2] = nil; return f }, ErrSignature},
		{"signature of another key", func([][]byte) [][]byte { return frames("other") }, ErrSignature},
		{"header is a list", resigned(3, `[]`), ErrMalformed},
		{"header has no type", resigned(3, `{"msg_id":"1"}`), ErrMalformed},
		{"header has no id", resigned(3, `{"msg_id":"","msg_type":"x"}`), ErrMalformed},
		{"header's type is a number", resigned(3, `{"msg_type":1}`), ErrMalformed},
		{"parent is cut short", resigned(4, `{"msg_id"`), ErrMalformed},
		{"metadata is empty", resigned(5, ``), ErrMalformed},
		{"content is text", resigned(6, `"hello"`), ErrMalformed},
	} {
		t.Run(test.name, func(t *testing.T) {
			if m, err := Decode(test.change(frames("secret")), []byte("secret")); !errors.Is(err, test.want) {
				t.Errorf("got %v, %v; want %v", m, err, test.want)
			}
		})
	}
}

// resigned replaces frame i and signs the message again.
func resigned(i int, with string) func([][]byte) [][]byte {
	return func(f [][]byte) [][]byte {
		f[i] = []byte(with)
		f[2] = sign([]byte("secret"), [4][]byte(f[3:7]))
		return f
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(bytes.Join(frames(""), []byte{'|', '|'}))
	f.Add([]byte("<IDS|MSG>"))
	f.Add([]byte("a||<IDS|MSG>||||{\"msg_type\":\"x\"}||{}||{}||{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		in := bytes.Split(data, []byte("||"))
		m, err := Decode(in, nil)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("an error of no known kind: %v", err)
			}
			return
		}
		again, err := Decode(m.Encode([]byte("k")), []byte("k"))
		if err != nil {
			t.Fatalf("what was decoded cannot be sent on: %v", err)
		}
		if again.Header != m.Header || !bytes.Equal(again.Content, m.Content) {
			t.Errorf("changed on its way: %+v, %+v", m, again)
		}
		_ = m.ParentID()
	})
}

func TestNewIDsDiffer(t *testing.T) {
	if a, b := NewID(), NewID(); a == b || strings.ContainsAny(a, "/ ") {
		t.Errorf("ids %q and %q", a, b)
	}
}
