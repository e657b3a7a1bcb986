package tokenizer

import "testing"

func TestGrowthOfADecoder(t *testing.T) {
	double := replacing{"a", "aa"}
	for n, ok := range map[int]bool{1: true, 9: true, 10: false, 60: false} {
		steps := make([]decoding, n)
		for i := range steps {
			steps[i] = double
		}
		if err := bounded("decoder", steps, grows); (err == nil) != ok {
			t.Errorf("%d doublings: %v", n, err)
		}
	}
	if err := bounded("decoder", []decoding{replacing{"abcd", "a"}, replacing{"▁", " "}, fusing{}}, grows); err != nil {
		t.Error(err)
	}
}

func TestShallow(t *testing.T) {
	for text, ok := range map[string]bool{
		`{"a": "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}`:                                                          true,
		`{"a\\": "\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}`:                                                      true,
		`[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]`:                                   false,
		`[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]`: true,
	} {
		if err := shallow("f", []byte(text)); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
