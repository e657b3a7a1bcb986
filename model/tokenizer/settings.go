package tokenizer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
)

// settings are what tokenizer_config.json, special_tokens_map.json and
// added_tokens.json say beside a vocabulary. Their many other fields do not
// change what a text's tokens are.
type settings struct {
	Class       string `json:"tokenizer_class"`
	PrefixSpace *bool  `json:"add_prefix_space"` // nil in all of these: as the vocabulary's own file says
	AddBOS      *bool  `json:"add_bos_token"`
	AddEOS      *bool  `json:"add_eos_token"`
	Lower       *bool  `json:"do_lower_case"`
	Accents     *bool  `json:"strip_accents"`
	Chinese     *bool  `json:"tokenize_chinese_chars"`

	added  []addedToken          // in the order of their ids
	listed bool                  // by added_tokens_decoder
	roles  map[string]addedToken // bos_token and so on, without ids
	more   []addedToken          // further special tokens, without ids
}

// roles are the special tokens that have one, in the order in which transformers
// gives ids to those that the vocabulary lacks.
var roles = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

// readSettings reads the files, any of which may be absent. What the other two say counts
// where tokenizer_config.json has no added_tokens_decoder, and then more than what it
// says, as in transformers.
func readSettings(fsys fs.FS) (*settings, error) {
	s := &settings{roles: map[string]addedToken{}}
	for _, file := range []struct {
		name string
		read func(data []byte) error
	}{
		{"tokenizer_config.json", s.readConfig},
		{"special_tokens_map.json", s.readRoles},
		{"added_tokens.json", s.readAdded},
	} {
		if s.listed {
			break
		}
		data, err := readFile(fsys, file.name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := file.read(data); err != nil {
			return nil, fmt.Errorf("%s: %w", file.name, err)
		}
	}
	return s, nil
}

func (s *settings) readConfig(data []byte) error {
	if err := json.Unmarshal(data, s); err != nil {
		return err
	}
	var decoder struct {
		Tokens map[string]addedToken `json:"added_tokens_decoder"`
	}
	if err := json.Unmarshal(data, &decoder); err != nil {
		return err
	}
	s.listed = decoder.Tokens != nil
	for id, token := range decoder.Tokens {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil || n < 0 {
			return fmt.Errorf("added_tokens_decoder: %q is no id", id)
		}
		token.ID = n
		s.added = append(s.added, token)
	}
	return s.readRoles(data)
}

// readAdded reads {"token": id}.
func (s *settings) readAdded(data []byte) error {
	var ids map[string]int64
	if err := json.Unmarshal(data, &ids); err != nil {
		return err
	}
	for content, id := range ids {
		s.added = append(s.added, addedToken{ID: id, Content: content, Normalized: true})
	}
	return nil
}

// readRoles reads the special tokens. Those of a later file count.
func (s *settings) readRoles(data []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	for _, role := range roles {
		raw, there := fields[role]
		if !there {
			continue
		}
		if absent(raw) {
			delete(s.roles, role)
			continue
		}
		token, err := tokenOf(raw)
		if err != nil {
			return fmt.Errorf("%s: %w", role, err)
		}
		if s.roles[role] = token; token.Content == "" {
			delete(s.roles, role)
		}
	}
	for _, list := range []string{"additional_special_tokens", "extra_special_tokens"} {
		var entries []json.RawMessage
		var named map[string]json.RawMessage
		if raw := fields[list]; absent(raw) || json.Unmarshal(raw, &named) == nil {
			entries = slices.Collect(maps.Values(named))
		} else if err := json.Unmarshal(raw, &entries); err != nil {
			return fmt.Errorf("%s: %w", list, err)
		}
		for _, entry := range entries {
			token, err := tokenOf(entry)
			if err != nil {
				return fmt.Errorf("%s: %w", list, err)
			}
			if token.Content != "" {
				s.more = append(s.more, token)
			}
		}
	}
	return nil
}

// tokenOf reads a special token: its text, or an object with it.
func tokenOf(raw json.RawMessage) (addedToken, error) {
	token := addedToken{Special: true}
	if json.Unmarshal(raw, &token.Content) == nil {
		return token, nil
	}
	err := json.Unmarshal(raw, &token)
	token.Special = true
	return token, err
}

// join is the added tokens of a vocabulary's own file and those of the settings. One
// that the file and the vocabulary do not have gets the next id, whatever id the
// settings say, as transformers gives it: theirs say the order.
func (s *settings) join(v *vocab, own []addedToken) []addedToken {
	all := slices.Clone(own)
	has := map[string]bool{}
	next := int64(len(v.tokens))
	for _, token := range own {
		has[token.Content], next = true, max(next, token.ID+1)
	}
	add := func(token addedToken) {
		if has[token.Content] || token.Content == "" {
			return
		}
		token.ID = next
		if id, spelled := v.spelled(token.Content); spelled {
			token.ID = int64(id)
		}
		has[token.Content], next = true, max(next, token.ID+1)
		all = append(all, token)
	}
	slices.SortFunc(s.added, func(a, b addedToken) int { return int(a.ID - b.ID) })
	for _, token := range s.added {
		for _, special := range s.specials() {
			if special.Content == token.Content { // as added_tokens.json does not say itself
				token.Special, token.Normalized = true, token.Normalized && special.Normalized
			}
		}
		add(token)
	}
	for _, token := range s.specials() {
		add(token)
	}
	return all
}

// specials are all special tokens, in the order of their ids.
func (s *settings) specials() []addedToken {
	var all []addedToken
	for _, role := range roles {
		if token, ok := s.roles[role]; ok {
			all = append(all, token)
		}
	}
	return append(all, s.more...)
}

// ends makes the template of files that have none of their own. Where there is a
// tokenizer.json, its post-processor counts, as in transformers 5.
func (s *settings) ends(t *Tokenizer) {
	if s.AddBOS == nil && s.AddEOS == nil {
		return
	}
	end := func(on *bool, role string) []int32 {
		if on == nil || !*on {
			return nil
		}
		id, ok := t.added[s.roles[role].Content]
		if !ok { // transformers, too, adds none then
			return nil
		}
		return []int32{id}
	}
	t.template = template{end(s.AddBOS, "bos_token"), end(s.AddEOS, "eos_token")}
}

// override changes the parts of a tokenizer.json that a tokenizer class sets by
// itself: the general class takes the file as it is.
func (s *settings) override(f *file) {
	switch s.class() {
	case "GPT2", "GPTNeoX", "CodeGen", "Roberta", "Bart", "Longformer", "LED":
		if s.PrefixSpace != nil {
			set(&f.PreTokenizer, "ByteLevel", map[string]any{"add_prefix_space": s.PrefixSpace})
		}
	case "Llama":
		if s.PrefixSpace != nil && !*s.PrefixSpace {
			set(&f.PreTokenizer, "Metaspace", map[string]any{"prepend_scheme": "never", "add_prefix_space": false})
			leaveOut(&f.Normalizer, "normalizers", "Prepend")
			leaveOut(&f.Decoder, "decoders", "Strip")
		}
	case "Bert", "DistilBert", "Electra":
		yes := true
		set(&f.Normalizer, "BertNormalizer", map[string]any{
			"lowercase": cmp.Or(s.Lower, &yes), "strip_accents": s.Accents, "handle_chinese_chars": cmp.Or(s.Chinese, &yes),
		})
	}
}

// set changes fields of a part that is of a type.
func set(part *json.RawMessage, kind string, values map[string]any) {
	var fields map[string]any
	if is, err := typeOf("", *part); absent(*part) || err != nil || is != kind || json.Unmarshal(*part, &fields) != nil {
		return
	}
	maps.Copy(fields, values)
	if changed, err := json.Marshal(fields); err == nil {
		*part = changed
	}
}

// leaveOut takes the steps of a type out of a part that is a sequence.
func leaveOut(part *json.RawMessage, list, kind string) {
	var steps []json.RawMessage
	var fields map[string]json.RawMessage
	if absent(*part) || json.Unmarshal(*part, &fields) != nil || json.Unmarshal(fields[list], &steps) != nil {
		return
	}
	steps = slices.DeleteFunc(steps, func(step json.RawMessage) bool {
		is, err := typeOf("", step)
		return err == nil && is == kind
	})
	if changed, err := json.Marshal(map[string]any{"type": "Sequence", list: steps}); err == nil {
		*part = changed
	}
}
