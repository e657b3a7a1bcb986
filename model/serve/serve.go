//go:build !golens_cell

// Package serve answers the requests of model clients over HTTP: the model
// host of a notebook kernel.
//
// A model, once opened, stays resident. What was answered already is answered
// again from memory, by the hash of weights, processing, backend and what was
// asked, so that declarations which a notebook runs again in every cell cost
// nothing. Tensors that clients send are kept too, by the hash of their values,
// so that each travels once. Both memories are bounded, and the least recently
// used goes first; a tensor that is gone is asked for again. Two equal asks at
// the same time are computed once.
package serve

import (
	"encoding/gob"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/internal/content"
	"github.com/golens/golens/model/internal/wire"
)

// The bounds of the memories.
const (
	AnswerBytes = 1 << 30   // a notebook's worth of patterns and activations of small models, a small part of a laptop
	TensorBytes = 512 << 20 // references, edits and directions: fewer than answers, which are often made of them
)

// A Host keeps models, answers and tensors. Its zero value is not usable; see
// [New].
type Host struct {
	mux     *http.ServeMux
	answers *answers
	tensors *tensors
	largest int // answer that is sent, in bytes

	mu     sync.Mutex
	models map[string]*opening
	log    log
}

// New is a host with no models yet.
func New() *Host {
	h := &Host{mux: http.NewServeMux(), answers: newAnswers(AnswerBytes), tensors: newTensors(TensorBytes), largest: wire.Largest, models: map[string]*opening{}}
	h.mux.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "golens") })
	h.mux.HandleFunc("GET /provenance", h.provenance)
	h.mux.HandleFunc("POST /v1/{verb}", h.serve)
	return h
}

// ServeHTTP implements http.Handler.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// serve reads a call, does it, and writes the frames of its answer.
func (h *Host) serve(w http.ResponseWriter, r *http.Request) {
	frames := gob.NewEncoder(w)
	body, err := h.answer(r, r.PathValue("verb"), func(f wire.Frame) {
		_ = frames.Encode(f) // a client that went away ends the context
		_ = http.NewResponseController(w).Flush()
	})
	if len(body) > h.largest {
		err = fmt.Errorf("model host: an answer of %.2f GB, of which %.2f GB can be sent; select heads or positions, or ask for fewer rows at once", float64(len(body))/1e9, float64(h.largest)/1e9)
	}
	last := wire.Frame{Last: true, Body: body}
	if missing := (*content.MissingError)(nil); errors.As(err, &missing) {
		last.Want = missing.Names
	} else if err != nil {
		last = wire.Frame{Err: err.Error()}
	}
	_ = frames.Encode(last)
}

// answer recovers: one bad call must not end the host and its models.
func (h *Host) answer(r *http.Request, verb string, tell func(wire.Frame)) (body []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("model host: %s: internal error: %v", verb, p)
		}
	}()
	unreadable := func(err error) error {
		return fmt.Errorf("model host: %s: unreadable call (are kernel and cells of one golens version?): %w", verb, err)
	}
	head, brought, err := wire.ReadBody(r.Body)
	if err != nil {
		return nil, unreadable(err)
	}
	var call model.Call
	if err := content.Decode(head, &call, nil); err != nil {
		return nil, unreadable(err)
	}
	var ask model.Ask
	var hash string
	if verb != "open" { // before the model: a tensor that is missing is asked for at once
		ask, hash, err = model.ReadAsk(verb, call.Ask, h.tensors.find(brought))
		h.tensors.keep(brought)
		if err != nil {
			return nil, unreadable(err)
		}
	}
	if call.Cached {
		if err := model.Cached(call.Model); err != nil {
			return nil, err
		}
	}
	runner, err := h.runner(r.Context(), call.Model, call.Processing, call.Weights == "", func(d model.Download) {
		tell(wire.Frame{Download: d.Model, Done: d.Done, Total: d.Total})
	})
	if err != nil {
		return nil, err
	}
	i := runner.Info()
	if call.Weights != "" && call.Weights != i.Weights {
		return nil, fmt.Errorf("model %s: its weights have changed since it was opened: open it again", call.Model)
	}
	if verb == "open" {
		return content.EncodeWhole(i)
	}
	key, err := content.Hash(struct {
		Weights, Name, Backend, Ask string
		Processing                  model.Processing
	}{i.Weights, i.Name, i.Backend, hash, i.Processing})
	if err != nil {
		return nil, err
	}
	h.log.add(i, verb)
	return h.answers.answer(r.Context(), key, func() ([]byte, error) {
		ctx := model.WithProgress(r.Context(), func(done, total int) { tell(wire.Frame{Done: done, Total: total}) })
		ctx = model.WithNote(ctx, func(text string) { tell(wire.Frame{Note: text}) })
		a, err := runner.Do(ctx, ask)
		if err != nil {
			return nil, err
		}
		return content.EncodeWhole(a)
	})
}
