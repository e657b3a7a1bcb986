package zoo_test

import (
	"fmt"
	"io/fs"

	"github.com/golens/golens/model/zoo"
)

func ExampleFiles() {
	dir, err := zoo.Files("induction")
	if err != nil {
		fmt.Println(err)
		return
	}
	names, _ := fs.Glob(dir, "*.json")
	fmt.Println(names)
	// Output: [config.json tokenizer.json]
}
