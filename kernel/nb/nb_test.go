package nb

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// figure is a Displayer with any forms.
type figure map[string]string

func (f figure) MIME() (map[string][]byte, error) {
	if f["fail"] != "" {
		return nil, errors.New(f["fail"])
	}
	forms := map[string][]byte{}
	for mime, form := range f {
		forms[mime] = []byte(form)
	}
	return forms, nil
}

// captured returns what f writes to standard output and error, and the status
// that it exits with, -1 for none.
func captured(t *testing.T, f func()) (out, errs string, status int) {
	t.Helper()
	status = -1
	exit = func(s int) { status = s; panic(exited{}) }
	oldOut, oldErr := os.Stdout, os.Stderr
	defer func() { exit, os.Stdout, os.Stderr = os.Exit, oldOut, oldErr }()
	read := func(file **os.File) chan string {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		*file = w
		text := make(chan string, 1)
		go func() {
			data, _ := io.ReadAll(r)
			text <- string(data)
		}()
		return text
	}
	outText, errText := read(&os.Stdout), read(&os.Stderr)
	func() {
		defer func() {
			if r := recover(); r != nil && r != (exited{}) {
				panic(r)
			}
		}()
		f()
	}()
	os.Stdout.Close()
	os.Stderr.Close()
	return <-outText, <-errText, status
}

type exited struct{}

func TestShowOutsideANotebook(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "when needed")
	t.Setenv("GOLENS_FIGURES", dir)
	figures.n = 0 // other tests show figures, too
	out, _, status := captured(t, func() {
		Show("text", 42, figure{"text/plain": "a map\n", "image/svg+xml": "<svg/>", "image/png": "png"})
		Show(figure{"text/plain": "pixels", "image/png": "PNG"}, figure{"text/plain": "no picture"}, time.Second)
	})
	if status != -1 {
		t.Fatalf("exit status %d", status)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(files) != 2 {
		t.Fatalf("files %v", files)
	}
	svg, _ := os.ReadFile(files[0])
	png, _ := os.ReadFile(files[1])
	if string(svg) != "<svg/>" || string(png) != "PNG" || !strings.HasSuffix(files[0], "-1.svg") || !strings.HasSuffix(files[1], "-2.png") {
		t.Errorf("%v hold %q and %q", files, svg, png)
	}
	want := "text\n42\na map\nfigure written to " + files[0] + "\npixels\nfigure written to " + files[1] + "\nno picture\n1s\n"
	if out != want {
		t.Errorf("\n got %q\nwant %q", out, want)
	}
}

func TestErrorsEndTheProgramWithOneLine(t *testing.T) {
	noFolder := filepath.Join(t.TempDir(), "file", "below")
	if err := os.WriteFile(filepath.Dir(noFolder), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOLENS_FIGURES", noFolder)
	for _, test := range []struct {
		name string
		do   func()
		want string
	}{
		{"must", func() { Must(1, errors.New("head 12: the model has 4\n")) }, "error: head 12: the model has 4\n"},
		{"check", func() { Check(errors.New("no")) }, "error: no\n"},
		{"figure", func() { Show(figure{"fail": "no data"}) }, "error: showing a nb.figure: no data\n"},
		{"file", func() { Show(figure{"image/png": "x"}) }, "error: showing a nb.figure: mkdir " + filepath.Dir(noFolder) + ": not a directory\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, errs, status := captured(t, test.do)
			if errs != test.want || status != 1 {
				t.Errorf("got %q, status %d; want %q, status 1", errs, status, test.want)
			}
		})
	}
}

func TestMustGivesTheValue(t *testing.T) {
	_, _, status := captured(t, func() {
		Check(nil)
		if Must("v", nil) != "v" {
			t.Error("another value")
		}
	})
	if status != -1 {
		t.Errorf("exit status %d without an error", status)
	}
}
