package weights

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// index is model.safetensors.index.json: which shard holds which tensor.
type index struct {
	WeightMap map[string]string `json:"weight_map"`
}

func parseIndex(raw []byte) (index, error) {
	var x index
	if err := json.Unmarshal(raw, &x); err != nil {
		return x, err
	}
	if len(x.WeightMap) == 0 {
		return x, fmt.Errorf("weight_map lists no tensors")
	}
	for _, name := range slices.Sorted(maps.Keys(x.WeightMap)) {
		shard := x.WeightMap[name]
		if !filepath.IsLocal(shard) || shard == "." || strings.ContainsAny(shard, `/\`) {
			return x, fmt.Errorf("tensor %s: shard %q is not a file of the same folder", name, shard)
		}
	}
	return x, nil
}

// shards are the files named, sorted.
func (x index) shards() []string {
	all := map[string]bool{}
	for _, shard := range x.WeightMap {
		all[shard] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// check holds the index against what the shards really contain.
func (x index) check(s *Store) error {
	for _, name := range slices.Sorted(maps.Keys(x.WeightMap)) {
		i, ok := s.where[name]
		if !ok || filepath.Base(s.files[i].name) != x.WeightMap[name] {
			return fmt.Errorf("tensor %s is not in shard %s", name, x.WeightMap[name])
		}
	}
	for _, name := range s.Names() {
		if _, ok := x.WeightMap[name]; !ok {
			return fmt.Errorf("tensor %s of %s is not listed", name, s.files[s.where[name]].name)
		}
	}
	return nil
}
