package toolchain

import (
	"os"
	"path/filepath"
	"strings"
)

// Models are the names of models that cells open without a download: those that
// ship with golens, and those in the Hugging Face cache.
func (t *Toolchain) Models() []string {
	var list []string
	entries, _ := os.ReadDir(filepath.Join(t.Source.Dir, "model", "zoo", "files")) // none is none
	for _, e := range entries {
		list = append(list, "zoo:"+e.Name())
	}
	cache := os.Getenv("HF_HUB_CACHE")
	if home := os.Getenv("HF_HOME"); cache == "" && home != "" {
		cache = filepath.Join(home, "hub")
	}
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return list
		}
		cache = filepath.Join(home, ".cache", "huggingface", "hub")
	}
	folders, _ := filepath.Glob(filepath.Join(cache, "models--*"))
	for _, f := range folders {
		list = append(list, strings.ReplaceAll(strings.TrimPrefix(filepath.Base(f), "models--"), "--", "/"))
	}
	return list
}
