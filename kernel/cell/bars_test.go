package cell

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// What asks a model draws how far it is, though no cell names the package that does.
func TestProgramsThatAskModelsDrawBars(t *testing.T) {
	for path, want := range map[string]bool{
		"model": true, "model/hook": true, "interp/ioi": true, "interp": true, "plotting": false, "modelling": false,
	} {
		code := fmt.Sprintf("import _ \"github.com/golens/golens/%s\"\nprintln(1)", path)
		p, errs := NewState().Compose(Split(code), 1, noPackages{})
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		if got := slices.Contains(p.Imports, Bars) && strings.Contains(p.Source, "import _ \""+Bars+"\""); got != want {
			t.Errorf("with %s it draws bars: %t\n%s", path, got, p.Source)
		}
	}
}
