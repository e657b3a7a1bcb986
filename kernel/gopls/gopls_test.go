package gopls

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPlacesCountInUTF16(t *testing.T) {
	const text = "a\né👍x\n\nlast"
	for at, want := range map[int]place{0: {0, 0}, 2: {1, 0}, 4: {1, 1}, 8: {1, 3}, 9: {1, 4}, 10: {2, 0}, 11: {3, 0}, len(text): {3, 4}} {
		if got := placeOf(text, at); got != want {
			t.Errorf("offset %d lies at %v, want %v", at, got, want)
		}
		if got := want.offset(text); got != at {
			t.Errorf("%v is offset %d, want %d", want, got, at)
		}
	}
	if got := (place{9, 9}).offset(text); got != len(text) {
		t.Errorf("past the end is %d", got)
	}
}

// server answers one client: what it is asked, by answer.
func server(t *testing.T, answer func(method string) string) *Client {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		r := bufio.NewReader(c)
		for {
			m, err := read(r)
			if err != nil {
				return
			}
			if m.ID == nil || m.Method == "" {
				continue
			}
			text := answer(m.Method)
			if text == "" {
				return
			}
			// Servers ask as well.
			for _, s := range []string{`{"jsonrpc":"2.0","id":77,"method":"workspace/configuration","params":{}}`,
				fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,%s}`, m.ID, text)} {
				fmt.Fprintf(c, "Content-Length: %d\r\n\r\n%s", len(s), s)
			}
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	c, err := Dial(ctx, socket, t.TempDir(), "main.go")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestClient(t *testing.T) {
	c := server(t, func(method string) string {
		switch method {
		case "textDocument/completion":
			return `"result":{"items":[{"label":"Println","kind":3,"detail":"func()","textEdit":{"range":{"start":{"line":0,"character":3}},"newText":"Println"}}]}`
		case "textDocument/hover":
			return `"result":null`
		case "initialize":
			return `"result":{}`
		}
		return ""
	})
	got, err := c.Complete(context.Background(), "é.Pr", 5)
	if err != nil || len(got) != 1 || got[0] != (Match{"Println", 4, "function", "func()"}) {
		t.Errorf("got %+v, %v", got, err)
	}
	if text, err := c.Describe(context.Background(), "x", 0); text != "" || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestFaults(t *testing.T) {
	c := server(t, func(method string) string {
		switch method {
		case "textDocument/completion":
			return `"error":{"code":1,"message":"no such file"}`
		case "initialize":
			return `"result":{}`
		}
		return "" // the server ends
	})
	if _, err := c.Complete(context.Background(), "x", 1); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("got %v", err)
	}
	for range 2 {
		if _, err := c.Describe(context.Background(), "x", 0); err == nil {
			t.Error("a server that is gone answers")
		}
	}
	given := make(chan struct{})
	slow := server(t, func(method string) string {
		if method != "initialize" {
			<-given
		}
		return `"result":{}`
	})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := slow.Describe(ctx, "x", 0); err != context.DeadlineExceeded {
		t.Errorf("got %v", err)
	}
	close(given)
}

func FuzzRead(f *testing.F) {
	f.Add("Content-Length: 2\r\n\r\n{}")
	f.Fuzz(func(t *testing.T, s string) {
		m, err := read(bufio.NewReader(strings.NewReader(s)))
		if err == nil {
			_, _ = json.Marshal(m)
		}
	})
}
