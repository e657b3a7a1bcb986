// Command planted writes the hand-made networks.
//
//	go run ./model/zoo/cmd/planted [-out model/zoo/files]
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/golens/golens/model/zoo/internal/equality"
	"github.com/golens/golens/model/zoo/internal/planted"
	"github.com/golens/golens/model/zoo/internal/plantedioi"
	"github.com/golens/golens/model/zoo/internal/ship"
)

func main() {
	out := flag.String("out", filepath.Join("model", "zoo", "files"), "folder to write the models' folders to")
	flag.Parse()
	for name, make := range map[string]func() (map[string][]byte, error){
		"induction": planted.Files, "ioi-planted": plantedioi.Files, "equality": equality.Files, "equality-rotated": equality.RotatedFiles,
	} {
		files, err := make()
		if err == nil {
			err = ship.Write(filepath.Join(*out, name), files)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "planted: %s: %v\n", name, err)
			os.Exit(1)
		}
	}
}
