package tokenizer_test

import (
	"fmt"
	"os"
	"slices"

	"github.com/golens/golens/model/tokenizer"
)

func Example() {
	tok, err := tokenizer.Open(os.DirFS("testdata/bpe_llama3"))
	if err != nil {
		fmt.Println(err)
		return
	}
	text := "When Mary and John"
	tokens, err := tok.EncodeOffsets(text, tokenizer.Options{Template: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range tokens {
		fmt.Printf("%3d %q %q\n", t.ID, tok.Label(t.ID), text[t.Start:t.End])
	}
	// Output:
	//   0 "<|begin_of_text|>" ""
	// 369 "Whe" "Whe"
	//  79 "n" "n"
	// 334 " Mary" " Mary"
	// 329 " and" " and"
	// 333 " John" " John"
}

func ExampleTrain() {
	docs := []string{"low low low lower lower", "newest newest widest"}
	file, err := tokenizer.Train(slices.Values(docs), 262, []string{"<|end|>"})
	if err != nil {
		fmt.Println(err)
		return
	}
	tok, err := tokenizer.Parse(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	ids, err := tok.Encode("slow<|end|>")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, id := range ids {
		fmt.Printf("%d %q\n", id, tok.Label(id))
	}
	// Output:
	// 83 "s"
	// 258 "low"
	// 0 "<|end|>"
}
