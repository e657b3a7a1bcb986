package nb

import (
	"fmt"
	"os"
	"strings"

	"github.com/janpfeifer/gonb/gonbui"
)

// Must returns v, or stops the cell with err if err is not nil. The kernel, and
// the models that it holds, stay.
func Must[T any](v T, err error) T {
	if err != nil {
		stop(err)
	}
	return v
}

// Check stops the cell with err if err is not nil, for calls that return
// nothing else.
func Check(err error) {
	if err != nil {
		stop(err)
	}
}

// MIMEError is the type under which a golens kernel takes the error that stops
// a cell. The kernel shows it once, as the cell's error.
const MIMEError = "text/vnd.golens.error"

// exit is os.Exit, but in tests.
var exit = os.Exit

// stop shows err and ends the program.
func stop(err error) {
	clearBar()
	text := strings.TrimSpace(err.Error())
	if os.Getenv("GOLENS_KERNEL") != "" && gonbui.IsNotebook {
		send(map[string][]byte{MIMEError: []byte(text), "text/plain": []byte(text)}, nil, "")
		exit(1)
		return
	}
	fmt.Fprintln(os.Stderr, "error:", text)
	exit(1)
}
