package notebook

import (
	"strings"
	"testing"
)

func tagged(source string, tags ...any) *Cell {
	return &Cell{Type: Code, ID: tags[0].(string), Source: source, Metadata: map[string]any{"tags": tags}}
}

func TestParameters(t *testing.T) {
	const source = "// what a run may set\nvar layers, rate = 2, 0.5\nvar name string = \"gpt2\"\nconst deep = false\nvar n int64 = 7\nvar parts = []string{\"a\"}"
	for _, c := range []struct{ name, source, set, want string }{
		{"int", source, "layers=-12", "var layers = -12"},
		{"a float stays one", source, "rate=1", "var rate = 1.0"},
		{"float", source, "rate=1e-3", "var rate = 1e-3"},
		{"text", source, `name=a "b" 5`, `var name string = "a \"b\" 5"`},
		{"a text of digits", source, "name=5", `var name string = "5"`},
		{"with an equals sign", source, "name=a=b", `var name string = "a=b"`},
		{"bool", source, "deep=true", "const deep = true"},
		{"typed", source, "n=9", "var n int64 = 9"},
		{"expression", source, `parts=[]string{"b", "c"}`, `var parts = []string{"b", "c"}`},
		{"statements", "%%\nlayers := 2\nname := \"x\"", "layers=3", "var layers = 3"},
		{"not an int", source, "layers=2.5", `error: parameter layers: "2.5" is no whole number`},
		{"not a number", source, "rate=fast", `error: parameter rate: "fast" is no number`},
		{"not a bool", source, "deep=1", `error: parameter deep: "1" is neither`},
		{"unknown", source, "layer=1", "error: no parameter is named layer; there is layers, rate, name, deep, n, parts"},
		{"no cell", "", "layers=1", `error: no cell is tagged "parameters"`},
		{"no Go", "var =", "layers=1", "error: the cell tagged"},
		{"not an expression", source, "parts=a b", "error: parameter parts: \"a b\" is no Go expression"},
	} {
		t.Run(c.name, func(t *testing.T) {
			nb := &Notebook{Cells: []*Cell{{Type: Markdown, Source: "x"}, tagged(source, "other")}}
			if c.source != "" {
				nb.Cells[1] = tagged(c.source, Parameters)
			}
			nb.Cells = append(nb.Cells, tagged("old", InjectedParameters), tagged("use", "z"))
			p, err := ParseParameter(c.set)
			if err == nil {
				err = nb.Set([]Parameter{p})
			}
			if want, ok := strings.CutPrefix(c.want, "error: "); ok {
				if err == nil || !strings.HasPrefix(err.Error(), want) {
					t.Errorf("got %v, want %s", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := nb.Cells[2]
			if len(nb.Cells) != 4 || got.Source != "// Parameters\n"+c.want || !got.Tagged(InjectedParameters) || !validID(got.ID) {
				t.Errorf("got %q of %d cells", got.Source, len(nb.Cells))
			}
		})
	}
	for _, bad := range []string{"x", "=1", "a b=1", "1x=2", ""} {
		if _, err := ParseParameter(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestFresh(t *testing.T) {
	nb, err := Read([]byte(`{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code", "id": "a", "metadata": {}, "source": "x", "outputs": []}, {"cell_type": "markdown", "id": "b", "metadata": {}, "source": "y"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if nb.Fresh() {
		t.Error("fresh before it was stamped")
	}
	nb.Stamp()
	data, err := nb.Write()
	if err != nil {
		t.Fatal(err)
	}
	if nb, err = Read(data); err != nil || !nb.Fresh() {
		t.Errorf("not fresh after writing and reading, %v", err)
	}
	nb.Cells[1].Source = "other words"
	if !nb.Fresh() {
		t.Error("words make no outputs")
	}
	nb.Cells[0].Source = "z"
	if nb.Fresh() {
		t.Error("fresh though the code has changed")
	}
}

func TestKernel(t *testing.T) {
	for meta, want := range map[string]string{
		`{"kernelspec": {"name": "python3", "language": "python"}}`:         "python3 python",
		`{"kernelspec": {"name": "gonb"}, "language_info": {"name": "go"}}`: "gonb go",
		`{}`:                " ",
		`{"kernelspec": 7}`: " ",
	} {
		nb, err := Read([]byte(`{"nbformat": 4, "nbformat_minor": 5, "cells": [], "metadata": ` + meta + `}`))
		if err != nil {
			t.Fatal(err)
		}
		if name, language := nb.Kernel(); name+" "+language != want {
			t.Errorf("%s: got %q, %q", meta, name, language)
		}
	}
}
