//go:build !golens_cell

package serve

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"

	"github.com/golens/golens/model"
)

// log counts what was asked of each model, for a report's provenance.
type log struct {
	mu     sync.Mutex
	models []used
}

// used is a model and what it was asked for.
type used struct {
	model.Info
	Requests map[string]int // by verb
}

func (l *log) add(i model.Info, verb string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := slices.IndexFunc(l.models, func(u used) bool { return u.Name == i.Name && u.Weights == i.Weights && u.Processing == i.Processing })
	if at < 0 {
		at = len(l.models)
		l.models = append(l.models, used{i, map[string]int{}})
	}
	l.models[at].Requests[verb]++
}

// provenance tells which models were used, with the hash of their weights.
func (h *Host) provenance(w http.ResponseWriter, _ *http.Request) {
	type entry struct {
		Model, Weights, Processing, Backend, Config, Version string
		Requests                                             map[string]int
	}
	h.log.mu.Lock()
	defer h.log.mu.Unlock()
	all := []entry{}
	for _, u := range h.log.models {
		name := u.Name
		if u.Folder != "" { // and not the Hub's model of that name
			name += " (the folder " + u.Folder + ")"
		}
		all = append(all, entry{name, u.Weights, u.Processing.String(), u.Backend, u.Config.String(), u.Version, u.Requests})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"models": all}) // a client that went away needs no answer
}
