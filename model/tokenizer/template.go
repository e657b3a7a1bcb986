package tokenizer

import (
	"encoding/json"
	"fmt"
)

// template is what a file's post-processor puts around a text.
type template struct{ before, after []int32 }

type postProcessor struct {
	Type       string
	Processors []json.RawMessage
	Single     []struct {
		SpecialToken *struct{ ID string }
		Sequence     *struct{ ID string }
	}
	SpecialTokens map[string]struct{ IDs []int64 } `json:"special_tokens"`
}

func (t *Tokenizer) parseTemplate(raw json.RawMessage) error {
	if absent(raw) {
		return nil
	}
	var p postProcessor
	if err := read("post_processor", raw, &p); err != nil {
		return err
	}
	switch p.Type {
	case "ByteLevel": // concerns offsets only
		return nil
	case "Sequence":
		for _, part := range p.Processors {
			if err := t.parseTemplate(part); err != nil {
				return err
			}
		}
		return nil
	case "TemplateProcessing":
		return t.readTemplate(p)
	}
	return fmt.Errorf("post_processor: type %q is not supported; TemplateProcessing and ByteLevel are", p.Type)
}

func (t *Tokenizer) readTemplate(p postProcessor) error {
	if len(t.template.before)+len(t.template.after) > 0 {
		return fmt.Errorf("post_processor: a second TemplateProcessing is not supported")
	}
	texts := 0
	for _, item := range p.Single {
		switch {
		case item.Sequence != nil:
			texts++
		case item.SpecialToken != nil:
			token, ok := p.SpecialTokens[item.SpecialToken.ID]
			if !ok {
				return fmt.Errorf("post_processor: special_tokens lacks %q, which single names", item.SpecialToken.ID)
			}
			for _, id := range token.IDs {
				if id < 0 || id >= maxID || !t.has(int32(id)) {
					return fmt.Errorf("post_processor: special token %q has id %d, which is no token", item.SpecialToken.ID, id)
				}
				if texts == 0 {
					t.template.before = append(t.template.before, int32(id))
				} else {
					t.template.after = append(t.template.after, int32(id))
				}
			}
		default:
			return fmt.Errorf("post_processor: single has an item that is neither SpecialToken nor Sequence")
		}
	}
	if texts != 1 {
		return fmt.Errorf("post_processor: single holds the text %d times, want once", texts)
	}
	return nil
}
