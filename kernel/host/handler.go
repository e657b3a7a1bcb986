package host

import (
	"fmt"
	"net/http"
)

// newHandler returns what the host serves.
func newHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "golens")
	})
	return mux
}
