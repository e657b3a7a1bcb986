package tokenizer

import (
	"encoding/json"
	"fmt"
)

// template is what a file's post-processor puts around a text.
type template struct{ before, after []int32 }

func (t *Tokenizer) parseTemplate(raw json.RawMessage) error {
	const field = "post_processor"
	if absent(raw) {
		return nil
	}
	kind, err := typeOf(field, raw)
	if err != nil {
		return err
	}
	switch kind {
	case "ByteLevel": // concerns offsets only, see the package comment
		return nil
	case "Sequence":
		var p struct {
			Type       string
			Processors []json.RawMessage
		}
		if err := read(field, raw, &p, "processors"); err != nil {
			return err
		}
		for _, part := range p.Processors {
			if err := t.parseTemplate(part); err != nil {
				return err
			}
		}
		return nil
	case "TemplateProcessing":
		return t.readTemplate(raw)
	case "BertProcessing", "RobertaProcessing":
		return t.readEnds(raw)
	}
	return fmt.Errorf("post_processor: type %q is not supported; TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel and a Sequence of them are", kind)
}

// readTemplate reads what is put around a single text.
func (t *Tokenizer) readTemplate(raw json.RawMessage) error {
	type named struct {
		ID     string
		TypeID int `json:"type_id"` // BERT's segment, 0 for a single text
	}
	var p struct {
		Type   string
		Single []struct{ SpecialToken, Sequence *named }
		Pair   json.RawMessage // two texts are not encoded together
		Tokens map[string]struct {
			ID     string
			IDs    []int64
			Tokens []string
		} `json:"special_tokens"`
	}
	if err := read("post_processor", raw, &p, "single"); err != nil {
		return err
	}
	var around template
	texts := 0
	for _, item := range p.Single {
		switch {
		case item.Sequence != nil && item.Sequence.ID != "A":
			return fmt.Errorf("post_processor: single names the text %q; a single text is A", item.Sequence.ID)
		case item.Sequence != nil:
			texts++
		case item.SpecialToken != nil:
			token, ok := p.Tokens[item.SpecialToken.ID]
			if !ok {
				return fmt.Errorf("post_processor: special_tokens lacks %q, which single names", item.SpecialToken.ID)
			}
			for _, id := range token.IDs {
				if texts == 0 {
					around.before = append(around.before, int32(id))
				} else {
					around.after = append(around.after, int32(id))
				}
				if err := t.checkSpecial(item.SpecialToken.ID, id); err != nil {
					return err
				}
			}
		default:
			return fmt.Errorf("post_processor: single has an item that is neither SpecialToken nor Sequence")
		}
	}
	if texts != 1 {
		return fmt.Errorf("post_processor: single holds the text %d times, want once", texts)
	}
	return t.setTemplate(around)
}

// readEnds reads BertProcessing and RobertaProcessing: cls before the text and
// sep after it.
func (t *Tokenizer) readEnds(raw json.RawMessage) error {
	var p struct {
		Type        string
		Sep, Cls    templateToken
		TrimOffsets *bool `json:"trim_offsets"` // these two concern offsets only
		PrefixSpace *bool `json:"add_prefix_space"`
	}
	if err := read("post_processor", raw, &p, "sep", "cls"); err != nil {
		return err
	}
	for _, token := range []templateToken{p.Cls, p.Sep} {
		if err := t.checkSpecial(token.text, token.id); err != nil {
			return err
		}
	}
	return t.setTemplate(template{[]int32{int32(p.Cls.id)}, []int32{int32(p.Sep.id)}})
}

// templateToken is ["[SEP]", 102].
type templateToken struct {
	text string
	id   int64
}

// UnmarshalJSON implements [json.Unmarshaler].
func (t *templateToken) UnmarshalJSON(b []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	if len(parts) != 2 {
		return fmt.Errorf("%s has %d parts, want a token and its id", b, len(parts))
	}
	if err := json.Unmarshal(parts[0], &t.text); err != nil {
		return err
	}
	return json.Unmarshal(parts[1], &t.id)
}

func (t *Tokenizer) checkSpecial(text string, id int64) error {
	if id < 0 || id >= maxID || !t.vocab.has(int32(id)) {
		return fmt.Errorf("post_processor: special token %q has id %d, which is no token", text, id)
	}
	return nil
}

func (t *Tokenizer) setTemplate(around template) error {
	if len(t.template.before)+len(t.template.after) > 0 {
		return fmt.Errorf("post_processor: a second template is not supported")
	}
	t.template = around
	return nil
}
