package notebook

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
)

// Tags of cells, as nbclient, nbconvert and papermill have them.
const (
	RaisesException    = "raises-exception" // may fail: what follows runs
	SkipExecution      = "skip-execution"   // is not run
	RemoveInput        = "remove-input"     // shown without its code
	RemoveOutput       = "remove-output"    // shown without its outputs
	RemoveCell         = "remove-cell"      // not shown
	Parameters         = "parameters"       // declares what a run may set
	InjectedParameters = "injected-parameters"
)

// Tagged tells whether the cell has the tag.
func (c *Cell) Tagged(tag string) bool {
	tags, _ := c.Metadata["tags"].([]any)
	return slices.Contains(tags, any(tag))
}

// Kernel names the kernel that the notebook is for, and its language; "" for what
// the notebook does not say.
func (nb *Notebook) Kernel() (name, language string) {
	text := func(of, key string) string {
		m, _ := nb.Metadata[of].(map[string]any)
		s, _ := m[key].(string)
		return s
	}
	return text("kernelspec", "name"), cmp.Or(text("kernelspec", "language"), text("language_info", "name"))
}

// hashKey is where in the metadata Stamp keeps what Fresh compares.
const hashKey = "golens"

// hash is that of the code of all cells.
func (nb *Notebook) hash() string {
	h := sha256.New()
	for _, c := range nb.Cells {
		if c.Type == Code {
			fmt.Fprintf(h, "%d\n%s", len(c.Source), c.Source)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Stamp notes that the outputs are those of the cells as they are.
func (nb *Notebook) Stamp() { nb.Metadata[hashKey] = map[string]any{"cells_sha256": nb.hash()} }

// Fresh tells whether the outputs are those of the cells as they are: whether no
// code has changed since Stamp.
func (nb *Notebook) Fresh() bool {
	m, _ := nb.Metadata[hashKey].(map[string]any)
	return m["cells_sha256"] == any(nb.hash())
}
