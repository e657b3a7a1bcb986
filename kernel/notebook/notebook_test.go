package notebook

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// asAny decodes JSON, with texts as one string each, since lists of lines and
// strings mean the same.
func asAny(t *testing.T, data []byte) any {
	t.Helper()
	var v any
	if err := unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return joined(v)
}

func joined(v any) any {
	switch v := v.(type) {
	case []any:
		text := ""
		for i := range v {
			s, ok := v[i].(string)
			if !ok {
				for i := range v {
					v[i] = joined(v[i])
				}
				return v
			}
			text += s
		}
		return text
	case map[string]any:
		for k := range v {
			v[k] = joined(v[k])
		}
	}
	return v
}

func TestRoundTripKeepsEverything(t *testing.T) {
	in := read(t, "format_4_5.ipynb")
	nb, err := Read(in)
	if err != nil {
		t.Fatal(err)
	}
	out, err := nb.Write()
	if err != nil {
		t.Fatal(err)
	}
	if want, got := asAny(t, in), asAny(t, out); !reflect.DeepEqual(want, got) {
		t.Errorf("want %v\n got %v", want, got)
	}
	again, err := Read(out)
	if err != nil {
		t.Fatal(err)
	}
	if twice, _ := again.Write(); !bytes.Equal(out, twice) {
		t.Error("writing what was written changes it")
	}
}

func TestOlderFormatGetsIDs(t *testing.T) {
	nb, err := Read(read(t, "format_4_4.ipynb"))
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, c := range nb.Cells {
		if !validID(c.ID) || ids[c.ID] {
			t.Errorf("id %q", c.ID)
		}
		ids[c.ID] = true
	}
	if len(ids) != 3 || nb.Cells[1].Source != "a := 1\nb := 2" || nb.Cells[1].Count != 7 {
		t.Errorf("read %d cells, %+v", len(ids), nb.Cells[1])
	}
	other, _ := Read(read(t, "format_4_4.ipynb"))
	if other.Cells[0].ID != nb.Cells[0].ID {
		t.Error("the same notebook gets other ids at each reading")
	}
	out, err := nb.Write()
	if err != nil || !strings.Contains(string(out), `"nbformat_minor": 5`) {
		t.Errorf("written as %s, %v", out, err)
	}
}

func TestReadRefuses(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"empty", ``, "EOF"},
		{"cut short", `{"cells": [`, "EOF"},
		{"not an object", `[]`, "array"},
		{"format 3", `{"nbformat": 3, "worksheets": []}`, "nbformat 3"},
		{"null cell", `{"nbformat": 4, "cells": [null]}`, "cell 1 is null"},
		{"unknown cell", `{"nbformat": 4, "cells": [{"cell_type": "slide"}]}`, `cell 1 has type "slide"`},
		{"source is a number", `{"nbformat": 4, "cells": [{"cell_type": "code", "source": 1}]}`, "neither a string nor a list"},
		{"unknown output", `{"nbformat": 4, "cells": [{"cell_type": "code", "outputs": [{"output_type": "x"}]}]}`, `type "x"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Read([]byte(test.text))
			if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestFieldsOfOtherTypesAreLeftOut(t *testing.T) {
	nb := &Notebook{Cells: []*Cell{
		{Type: Markdown, ID: "a", Outputs: []Output{{Type: Stream}}, Count: 3},
		{Type: Code, ID: "b", Outputs: []Output{{Type: Error, EName: "E", Text: "no"}, {Type: Stream, Name: "stdout", Text: "<x>"}}},
	}}
	out, err := nb.Write()
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ Cells []map[string]any }
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatal(err)
	}
	if _, has := v.Cells[0]["outputs"]; has {
		t.Error("a markdown cell has outputs")
	}
	failed := v.Cells[1]["outputs"].([]any)[0].(map[string]any)
	if _, has := failed["text"]; has || failed["traceback"] == nil {
		t.Errorf("an error is written as %v", failed)
	}
	if !strings.Contains(string(out), `"<x>"`) || !strings.Contains(string(out), `"execution_count": null`) {
		t.Errorf("written as %s", out)
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"format_4_4.ipynb", "format_4_5.ipynb"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		nb, err := Read(data)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Errorf("an error of no known kind: %v", err)
			}
			return
		}
		out, err := nb.Write()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := Read(out)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if len(again.Cells) != len(nb.Cells) {
			t.Errorf("%d cells became %d", len(nb.Cells), len(again.Cells))
		}
	})
}

func TestLighten(t *testing.T) {
	nb, err := Read([]byte(`{"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "code", "source": "x", "outputs": [
		{"output_type": "display_data", "data": {"text/html": "<script>", "image/svg+xml": "<svg/>", "text/plain": "x"}},
		{"output_type": "display_data", "data": {"text/html": "<table>", "text/plain": "x"}}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	nb.Lighten()
	if o := nb.Cells[0].Outputs; len(o[0].Data) != 2 || o[0].Data.Text("text/html") != "" || len(o[1].Data) != 2 {
		t.Errorf("left are %v and %v", o[0].Data, o[1].Data)
	}
}
