package nb

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/protocol"
)

// Displayer is a thing with one or more forms, by MIME type. The form
// "text/plain" is always present.
type Displayer interface {
	MIME() (map[string][]byte, error)
}

// Show shows each value. A Displayer is shown in its richest form; all others
// are printed on lines of their own, as fmt.Println prints them.
//
// Outside a notebook the picture of a Displayer is written to a file in the
// folder that the environment variable GOLENS_FIGURES names, else in the
// working directory, and its text and the file's name are printed.
func Show(values ...any) {
	for _, v := range values {
		d, ok := v.(Displayer)
		if !ok {
			fmt.Println(v)
			continue
		}
		forms, err := d.MIME()
		if err != nil {
			stop(fmt.Errorf("showing a %T: %w", v, err))
		}
		if gonbui.IsNotebook {
			send(forms, nil, "")
			continue
		}
		if err := save(forms); err != nil {
			stop(fmt.Errorf("showing a %T: %w", v, err))
		}
	}
}

// send displays forms in the notebook and waits until it has them. A display
// with the id of an earlier one replaces it.
func send(forms map[string][]byte, metadata map[string]any, id string) {
	data := make(map[protocol.MIMEType]any, len(forms))
	for mime, form := range forms {
		if isText(mime) {
			data[protocol.MIMEType(mime)] = string(form)
		} else {
			data[protocol.MIMEType(mime)] = form // becomes base64 on its way
		}
	}
	settle()
	gonbui.SendData(&protocol.DisplayData{Data: data, Metadata: metadata, DisplayID: id})
	gonbui.Sync()
}

// isText tells whether a type's form is text.
func isText(mime string) bool {
	return strings.HasPrefix(mime, "text/") || strings.HasSuffix(mime, "+xml") ||
		strings.HasSuffix(mime, "+json") || mime == "application/json" || mime == "application/javascript"
}

// pictures lists the forms worth a file, best first, with their suffixes.
var pictures = []struct{ mime, suffix string }{
	{"image/svg+xml", ".svg"},
	{"image/png", ".png"},
	{"application/pdf", ".pdf"},
	{"text/html", ".html"},
}

var figures struct {
	sync.Mutex
	n int
}

// save prints the text of forms and writes its picture to a file.
func save(forms map[string][]byte) error {
	if text := strings.TrimRight(string(forms["text/plain"]), "\n"); text != "" {
		fmt.Println(text)
	}
	for _, p := range pictures {
		form, ok := forms[p.mime]
		if !ok {
			continue
		}
		figures.Lock()
		figures.n++
		name := fmt.Sprintf("%s-%d%s", program(), figures.n, p.suffix)
		figures.Unlock()
		dir := os.Getenv("GOLENS_FIGURES")
		if dir != "" {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, form, 0o644); err != nil {
			return err
		}
		fmt.Printf("figure written to %s\n", path)
		return nil
	}
	return nil
}

// program names the files of figures after the running program.
func program() string {
	name := filepath.Base(os.Args[0])
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".exe"), ".test")
	if name == "" || name == "." || name == string(filepath.Separator) {
		return "figure"
	}
	return name
}
