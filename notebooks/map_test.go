package notebooks

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every notebook that is here is on the map, and the sections that the map names
// are in the notebooks.
func TestMapOfNotebooks(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for _, path := range all(t) {
		if !strings.Contains(text, strings.TrimSuffix(path, ".ipynb")) {
			t.Errorf("%s is not on the map", path)
		}
	}
	links := regexp.MustCompile(`\[[^\]]*\]\(([^)]+\.ipynb)\)((?:, \d+)*)`).FindAllStringSubmatch(text, -1)
	if len(links) < 20 {
		t.Fatalf("%d links to notebooks", len(links))
	}
	for _, link := range links {
		if _, err := os.Stat(link[1]); err != nil {
			t.Errorf("the map has %s: %v", link[1], err)
			continue
		}
		headings := ""
		for _, c := range read(t, link[1]).Cells {
			if c.Type == "markdown" {
				headings += "\n" + c.Source
			}
		}
		for _, number := range strings.Fields(strings.ReplaceAll(link[2], ",", " ")) {
			if !strings.Contains(headings, "\n## "+number+". ") {
				t.Errorf("%s has no section %s", link[1], number)
			}
		}
	}
}
