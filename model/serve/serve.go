//go:build !golens_cell

// Package serve answers the requests of model clients over HTTP: the model
// host of a notebook kernel.
//
// A model, once opened, stays resident. What was answered already is answered
// again from memory, by the hash of weights, processing, backend and request,
// so that declarations which a notebook runs again in every cell cost nothing.
// The memory of answers is bounded; the least recently used go first. Two equal
// requests at the same time are computed once.
package serve

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/internal/wire"
)

// AnswerBytes bounds the memory of answers: a notebook's worth of patterns and
// activations of small models, a small part of a laptop.
const AnswerBytes = 1 << 30

// A Host keeps models and answers. Its zero value is not usable; see [New].
type Host struct {
	mux     *http.ServeMux
	answers *answers

	mu     sync.Mutex
	models map[string]*opening
	log    log
}

// New is a host with no models yet.
func New() *Host {
	h := &Host{mux: http.NewServeMux(), answers: newAnswers(AnswerBytes), models: map[string]*opening{}}
	h.mux.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "golens") })
	h.mux.HandleFunc("GET /provenance", h.provenance)
	for verb, do := range map[string]func(context.Context, model.Runner, model.Call) (*model.Answer, error){
		"open": info, "run": run, "sweep": sweep, "explain": explain, "generate": generate, "products": products, "encode": encode, "decode": decode,
	} {
		h.mux.HandleFunc("POST /v1/"+verb, func(w http.ResponseWriter, r *http.Request) { h.serve(w, r, verb, do) })
	}
	return h
}

// ServeHTTP implements http.Handler.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// serve reads a call, does it, and writes the frames of its answer.
func (h *Host) serve(w http.ResponseWriter, r *http.Request, verb string, do func(context.Context, model.Runner, model.Call) (*model.Answer, error)) {
	frames := gob.NewEncoder(w)
	body, err := h.answer(r, verb, do, func(f wire.Frame) {
		_ = frames.Encode(f) // a client that went away ends the context
		_ = http.NewResponseController(w).Flush()
	})
	last := wire.Frame{Last: true, Body: body}
	if err != nil {
		last = wire.Frame{Err: err.Error()}
	}
	_ = frames.Encode(last)
}

// answer recovers: one bad request must not end the host and its models.
func (h *Host) answer(r *http.Request, verb string, do func(context.Context, model.Runner, model.Call) (*model.Answer, error), tell func(wire.Frame)) (body []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("model host: %s: internal error: %v", verb, p)
		}
	}()
	var call model.Call
	if err := gob.NewDecoder(r.Body).Decode(&call); err != nil {
		return nil, fmt.Errorf("model host: %s: unreadable call (are kernel and cells of one golens version?): %w", verb, err)
	}
	if call.Cached {
		if err := model.Cached(call.Model); err != nil {
			return nil, err
		}
	}
	runner, err := h.runner(r.Context(), call.Model, call.Processing, func(d model.Download) {
		tell(wire.Frame{Download: d.Model, Done: d.Done, Total: d.Total})
	})
	if err != nil {
		return nil, err
	}
	compute := func() ([]byte, error) {
		ctx := model.WithProgress(r.Context(), func(done, total int) { tell(wire.Frame{Done: done, Total: total}) })
		a, err := do(ctx, runner, call)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		err = gob.NewEncoder(&b).Encode(a)
		return b.Bytes(), err
	}
	if verb == "open" {
		return compute()
	}
	key, err := keyOf(runner.Info(), verb, call)
	if err != nil {
		return nil, err
	}
	h.log.add(runner.Info(), verb, call)
	return h.answers.get(r.Context(), key, compute)
}

// keyOf is the hash of everything that an answer depends on.
func keyOf(i model.Info, verb string, call model.Call) (string, error) {
	sum := sha256.New()
	err := json.NewEncoder(sum).Encode([]any{i.Weights, i.Name, i.Processing, i.Backend, verb, call.Request.Hash(), call.Sweep.Hash(), call.Generation.Hash(), call.Chains, call.Texts, call.IDs})
	return hex.EncodeToString(sum.Sum(nil)), err
}

func info(_ context.Context, r model.Runner, _ model.Call) (*model.Answer, error) {
	return &model.Answer{Info: r.Info()}, nil
}

func run(ctx context.Context, r model.Runner, c model.Call) (*model.Answer, error) {
	res, err := r.Do(ctx, c.Request)
	return &model.Answer{Result: res}, err
}

func sweep(ctx context.Context, r model.Runner, c model.Call) (*model.Answer, error) {
	res, err := r.Sweep(ctx, c.Sweep)
	return &model.Answer{Sweep: res}, err
}

func explain(ctx context.Context, r model.Runner, c model.Call) (*model.Answer, error) {
	plan, err := r.Explain(ctx, c.Sweep)
	return &model.Answer{Plan: plan}, err
}

func generate(ctx context.Context, r model.Runner, c model.Call) (*model.Answer, error) {
	res, err := r.Generate(ctx, c.Generation)
	return &model.Answer{Generated: res}, err
}

func products(ctx context.Context, r model.Runner, c model.Call) (*model.Answer, error) {
	arrays, err := r.Products(ctx, c.Chains)
	return &model.Answer{Arrays: arrays}, err
}

func encode(ctx context.Context, r model.Runner, c model.Call) (*model.Answer, error) {
	rows, err := r.Encode(ctx, c.Texts)
	return &model.Answer{Rows: rows}, err
}

func decode(ctx context.Context, r model.Runner, c model.Call) (*model.Answer, error) {
	text, labels, err := r.Decode(ctx, c.IDs)
	return &model.Answer{Text: text, Labels: labels}, err
}
