package kernel_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s<\\]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	dropped = regexp.MustCompile(`[^\p{L}\p{N}_ -]`) // from a heading, to make its anchor
)

// TestLinksLead follows the links of every page and notebook to files and headings of
// the repository.
func TestLinksLead(t *testing.T) {
	cmd := exec.Command("git", "ls-files", "*.md", "notebooks/*.ipynb")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Skip("no git here:", err)
	}
	followed := 0
	for _, file := range strings.Fields(string(out)) {
		page, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range link.FindAllStringSubmatch(string(page), -1) {
			to, anchor, _ := strings.Cut(l[1], "#")
			if strings.Contains(to, ":") || to == "" {
				continue // elsewhere, or on the page
			}
			followed++
			target, err := os.ReadFile(filepath.Join("..", filepath.Dir(file), to))
			if err != nil && !strings.Contains(err.Error(), "is a directory") {
				t.Errorf("%s links to %s: %v", file, l[1], err)
				continue
			}
			var anchors []string
			for _, h := range heading.FindAllStringSubmatch(string(target), -1) {
				anchors = append(anchors, strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-"))
			}
			if anchor != "" && strings.HasSuffix(to, ".md") && !slices.Contains(anchors, anchor) {
				t.Errorf("%s links to %s, which has the headings %q", file, l[1], anchors)
			}
		}
	}
	if followed < 100 {
		t.Errorf("only %d links: this test tests nothing", followed)
	}
}
