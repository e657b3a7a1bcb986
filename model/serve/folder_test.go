package serve_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/modeltest"
)

// A folder beside the notebook stands in for the Hub's model of its name: who
// reads a result or a report is told.
func TestAFolderThatStandsInIsNamed(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.CopyFS("gpt2", os.DirFS(modeltest.Dir())); err != nil {
		t.Fatal(err)
	}
	want, err := filepath.Abs("gpt2")
	if err != nil {
		t.Fatal(err)
	}
	client := start(t)
	m, err := model.Open("gpt2")
	if err != nil {
		t.Fatal(err)
	}
	run, err := m.Run(m.Rows([][]int32{{1, 2}}).Metric(model.NLL()))
	if err != nil {
		t.Fatal(err)
	}
	if run.Folder != want || !strings.Contains(run.Provenance.String(), "model gpt2 (the folder "+want+"), ") || !strings.Contains(m.Info().String(), want) {
		t.Errorf("the result says %s", run.Provenance)
	}
	resp, err := client.Get("http://host/provenance")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var p struct{ Models []struct{ Model string } }
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil || len(p.Models) != 1 || p.Models[0].Model != "gpt2 (the folder "+want+")" {
		t.Errorf("the report says %+v, %v", p, err)
	}
	// A path that names no model of the Hub needs no more than itself.
	other, err := model.Open(want)
	if err != nil || other.Info().Folder != "" {
		t.Errorf("%+v, %v", other, err)
	}
}
