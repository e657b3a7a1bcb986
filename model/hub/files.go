package hub

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Files of a model.
const (
	configFile  = "config.json"
	weightsFile = "model.safetensors"
	indexFile   = "model.safetensors.index.json"
)

// tokenizerFiles are those that hold a tokenizer: any of these groups is one.
var tokenizerFiles = [][]string{
	{"tokenizer.json"}, {"vocab.json", "merges.txt"}, {"tokenizer.model"}, {"vocab.txt"},
}

// smallFiles are fetched if the model has them.
var smallFiles = []string{
	configFile, "generation_config.json",
	"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
	"vocab.json", "merges.txt", "vocab.txt", "tokenizer.model",
}

// choose is which of a commit's files are needed before the shards are known,
// and which of those that might have been are not there.
func choose(ref Ref, all []string) (need, absent []string, err error) {
	has := map[string]bool{}
	for _, name := range all {
		has[name] = true
	}
	if ref.File != "" {
		if !has[ref.File] {
			return nil, nil, fmt.Errorf("it has no file %s; in the format GGUF it has: %s", ref.File, strings.Join(ggufs(all), ", "))
		}
		return []string{ref.File}, nil, nil
	}
	for _, name := range smallFiles {
		if has[name] {
			need = append(need, name)
		} else {
			absent = append(absent, name)
		}
	}
	switch {
	case has[weightsFile]:
		need = append(need, weightsFile)
	case has[indexFile]:
		need, absent = append(need, indexFile), append(absent, weightsFile)
	default:
		return nil, nil, fmt.Errorf("%w; %s", ErrFormat, otherForm(ref, all))
	}
	if !has[configFile] {
		return nil, nil, fmt.Errorf("it has weights but no %s, so nothing says which family they are of: %w", configFile, ErrFormat)
	}
	return need, absent, nil
}

// otherForm says what to do about weights that are in no form that golens
// reads.
func otherForm(ref Ref, all []string) string {
	for _, name := range all {
		if name == "pytorch_model.bin" || name == "pytorch_model.bin.index.json" {
			pinned := ""
			if ref.Revision != "" {
				pinned = fmt.Sprintf(", revision=%q", ref.Revision)
			}
			return fmt.Sprintf("it has only pytorch_model.bin, a Python pickle. Look whether another revision has %s "+
				"(pull requests of the Hub's converter are revisions: %s@refs/pr/1), or convert it in Python:\n"+
				"  AutoModelForCausalLM.from_pretrained(%q%s).save_pretrained(\"FOLDER\")\n"+
				"  AutoTokenizer.from_pretrained(%q%s).save_pretrained(\"FOLDER\")\nand open FOLDER",
				weightsFile, ref.ID, ref.ID, pinned, ref.ID, pinned)
		}
	}
	if files := ggufs(all); len(files) > 0 {
		return fmt.Sprintf("it has files in the format GGUF; name one of them, as in %s/%s: %s", ref.ID, files[0], strings.Join(files, ", "))
	}
	var seen []string
	for _, name := range all {
		if ext := filepath.Ext(name); ext != "" && !slices.Contains(seen, ext) && len(seen) < 10 && printable(ext) {
			seen = append(seen, ext)
		}
	}
	return fmt.Sprintf("golens needs %s, or %s and its shards; this repository has %d files, of type %s",
		weightsFile, indexFile, len(all), strings.Join(seen, " "))
}

// ggufs are the files in the format GGUF.
func ggufs(all []string) (files []string) {
	for _, name := range all {
		if strings.HasSuffix(name, ".gguf") && plain(name) {
			files = append(files, name)
		}
	}
	return files
}

// shards are the files that an index names, sorted. They must lie beside it.
func shards(index []byte) ([]string, error) {
	var x struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(index, &x); err != nil {
		return nil, fmt.Errorf("%s: %w", indexFile, err)
	}
	all := map[string]bool{}
	for tensor, shard := range x.WeightMap {
		if !plain(shard) || !strings.HasSuffix(shard, ".safetensors") {
			return nil, fmt.Errorf("%s: tensor %.60q: shard %.60q is not a safetensors file of the same folder", indexFile, tensor, shard)
		}
		all[shard] = true
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: weight_map lists no tensors", indexFile)
	}
	return slices.Sorted(maps.Keys(all)), nil
}

// plain tells whether a name is a file's, not a path's.
func plain(name string) bool {
	return name != "" && len(name) <= 255 && name[0] != '.' && filepath.IsLocal(name) && !strings.ContainsAny(name, `/\:`) && printable(name)
}

// printable tells whether text can be shown on a terminal as it is.
func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfffd }) < 0
}
