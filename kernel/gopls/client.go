package gopls

import (
	"context"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"unicode/utf16"
)

// Client is a connection to a language server.
type Client struct {
	conn    *conn
	uri     string
	version int
	text    string // of the file
}

// object is a JSON object.
type object = map[string]any

// Dial connects to the server that listens on a unix socket, and opens a Go file
// in dir that is there for this client only.
func Dial(ctx context.Context, socket, dir, file string) (*Client, error) {
	nc, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	c := &Client{conn: newConn(nc), uri: fileURI(filepath.Join(dir, file))}
	root := fileURI(dir)
	err = c.conn.call(ctx, "initialize", object{
		"processId": nil, "rootUri": root,
		// Names that begin as what is typed: front ends do not expect others.
		"initializationOptions": object{"matcher": "CaseInsensitive"},
		"workspaceFolders":      []object{{"uri": root, "name": "cells"}},
		"capabilities": object{"textDocument": object{
			"completion": object{"completionItem": object{"snippetSupport": false}},
			"hover":      object{"contentFormat": []string{"markdown"}},
		}},
	}, nil)
	if err == nil {
		err = c.conn.send(message{Method: "initialized", Params: object{}})
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func fileURI(path string) string { return (&url.URL{Scheme: "file", Path: path}).String() }

// Close ends the connection. The server goes on.
func (c *Client) Close() error { return c.conn.rw.Close() }

// Pid is the id of the server's process, 0 if the system does not tell.
func (c *Client) Pid() int { return peer(c.conn.rw) }

// set makes text the file's. A change, be it none, has the server begin anew, which on a
// busy machine would never come to an end.
func (c *Client) set(text string) error {
	if c.version > 0 && text == c.text {
		return nil
	}
	c.version++
	c.text = text
	if c.version == 1 {
		return c.conn.send(message{Method: "textDocument/didOpen", Params: object{
			"textDocument": object{"uri": c.uri, "languageId": "go", "version": 1, "text": text}}})
	}
	return c.conn.send(message{Method: "textDocument/didChange", Params: object{
		"textDocument":   object{"uri": c.uri, "version": c.version},
		"contentChanges": []object{{"text": text}}}})
}

// place is a position of the protocol.
type place struct {
	Line      int `json:"line"`
	Character int `json:"character"` // in UTF-16
}

// placeOf is where an offset of a text lies.
func placeOf(text string, at int) place {
	before := text[:at]
	line := before[strings.LastIndexByte(before, '\n')+1:]
	return place{strings.Count(before, "\n"), len(utf16.Encode([]rune(line)))}
}

// offset is where a position of a text lies.
func (p place) offset(text string) int {
	at := 0
	for range p.Line {
		n := strings.IndexByte(text[at:], '\n')
		if n < 0 {
			return len(text)
		}
		at += n + 1
	}
	units := 0
	for i, r := range text[at:] {
		if units >= p.Character || r == '\n' {
			return at + i
		}
		units += len(utf16.Encode([]rune{r}))
	}
	return len(text)
}

// Match is a way to complete a text.
type Match struct {
	Text   string // what stands in place of the text from From to the cursor
	From   int
	Kind   string // such as "function"
	Detail string // such as a signature
}

// kinds names those of the protocol, as front ends know them.
var kinds = map[int]string{2: "method", 3: "function", 5: "field", 6: "variable", 7: "class", 8: "interface", 9: "module",
	14: "keyword", 21: "constant", 22: "struct", 25: "type"}

// Complete lists what may stand at a place of a file's text.
func (c *Client) Complete(ctx context.Context, text string, at int) ([]Match, error) {
	if err := c.set(text); err != nil {
		return nil, err
	}
	var list struct {
		Items []struct {
			Label    string `json:"label"`
			Kind     int    `json:"kind"`
			Detail   string `json:"detail"`
			TextEdit *struct {
				Range struct {
					Start place `json:"start"`
				} `json:"range"`
				NewText string `json:"newText"`
			} `json:"textEdit"`
		} `json:"items"`
	}
	if err := c.conn.call(ctx, "textDocument/completion", c.position(text, at), &list); err != nil {
		return nil, err
	}
	var matches []Match
	for _, it := range list.Items {
		m := Match{Text: it.Label, From: at, Kind: kinds[it.Kind], Detail: it.Detail}
		if e := it.TextEdit; e != nil {
			m.Text, m.From = e.NewText, min(at, e.Range.Start.offset(text))
		}
		matches = append(matches, m)
	}
	return matches, nil
}

func (c *Client) position(text string, at int) object {
	return object{"textDocument": object{"uri": c.uri}, "position": placeOf(text, at)}
}

// Describe says in Markdown what stands at a place of a file's text, "" if
// there is nothing to be said.
func (c *Client) Describe(ctx context.Context, text string, at int) (string, error) {
	if err := c.set(text); err != nil {
		return "", err
	}
	var hover *struct {
		Contents struct {
			Value string `json:"value"`
		} `json:"contents"`
	}
	if err := c.conn.call(ctx, "textDocument/hover", c.position(text, at), &hover); err != nil || hover == nil {
		return "", err
	}
	return hover.Contents.Value, nil
}
