// Command induction writes the hand-made induction network.
//
//	go run ./model/zoo/cmd/induction [-out model/zoo/files/induction]
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/golens/golens/model/zoo/internal/planted"
	"github.com/golens/golens/model/zoo/internal/ship"
)

func main() {
	out := flag.String("out", "model/zoo/files/induction", "folder to write to")
	flag.Parse()
	files, err := planted.Files()
	if err == nil {
		err = ship.Write(*out, files)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "induction:", err)
		os.Exit(1)
	}
}
