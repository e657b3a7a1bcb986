package model

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"syscall"

	"github.com/golens/golens/model/internal/content"
	"github.com/golens/golens/model/internal/wire"
)

// Call is what a client sends to a model host: which model, and the content of
// what it is asked, which [ReadAsk] reads.
type Call struct {
	Model      string
	Cached     bool // fail rather than download the model
	Processing Processing
	Weights    string // hash of the weights that the client has open; "" to open what is there now
	Ask        []byte
}

// client is a Runner that asks the model host.
type client struct {
	http *http.Client
	info Info
}

// openIn opens a model in the host that listens on the socket.
func openIn(ctx context.Context, socket string, open Call) (*Model, error) {
	c := &client{http: &http.Client{Transport: &http.Transport{
		// An idle connection would keep Go from noticing that a cell has come to a
		// deadlock, and a new one costs microseconds.
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			if err := ownSocket(socket); err != nil {
				return nil, err
			}
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}}
	if err := c.call(ctx, "open", open, nil, &c.info); err != nil {
		return nil, fmt.Errorf("open %s: %w", open.Model, err)
	}
	return New(c), nil
}

// call has the host do a verb, and reads the answer. Tensors are those that the
// call names; the host asks for the ones that it does not hold.
func (c *client) call(ctx context.Context, verb string, call Call, tensors map[content.Name][]float32, answer any) error {
	head, err := content.EncodeWhole(call)
	if err != nil {
		return fmt.Errorf("model host, %s: %w", verb, err)
	}
	bring := map[content.Name][]float32{}
	again := false
	for {
		body, length := wire.Body(head, bring)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://host/v1/"+verb, body)
		if err != nil {
			return err
		}
		req.ContentLength = length
		data, want, err := c.post(ctx, req)
		switch {
		case hostEnded(err) && ctx.Err() == nil && !again:
			// A host that ends is started again on the same socket, and what it
			// is asked changes nothing: it is simply asked again, once.
			again = true
			clear(bring)
			continue
		case hostEnded(err) && ctx.Err() == nil:
			return fmt.Errorf("model host, %s: the model host ended while it worked on this, and again when it was asked again: memory may be short; ask for less at once: %w", verb, err)
		case err != nil:
			return err
		case len(want) == 0:
			return content.Decode(data, answer, nil)
		}
		for _, name := range want {
			if bring[name] = tensors[name]; bring[name] == nil {
				return fmt.Errorf("model host, %s: it wants a tensor that the call does not name", verb)
			}
		}
	}
}

// hostEnded tells whether err is what is seen of a host that ends.
func hostEnded(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// post sends a request and reads the frames of its answer.
func (c *client) post(ctx context.Context, req *http.Request) (data []byte, want []content.Name, err error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, nil, fmt.Errorf("the model host does not answer; restart the kernel: %w", err)
	}
	defer resp.Body.Close()
	return wire.Read(resp.Body, func(f wire.Frame) {
		if f.Download != "" {
			reportDownload(ctx, Download{f.Download, f.Done, f.Total})
			return
		}
		if f.Note != "" {
			note(ctx, f.Note)
			return
		}
		report(ctx, f.Done, f.Total)
	})
}

func (c *client) Info() Info { return c.info }

// Do implements [Runner]. What can be seen to be wrong does not travel.
func (c *client) Do(ctx context.Context, ask Ask) (any, error) {
	types, ok := verbs[ask.Verb()]
	if !ok {
		return nil, fmt.Errorf("%s: nothing does that", ask.Verb())
	}
	if err := ask.check(c.info.Config); err != nil {
		return nil, err
	}
	data, tensors, err := content.Encode(ask)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ask.Verb(), err)
	}
	answer := reflect.New(types.answer)
	call := Call{Model: c.info.Name, Processing: c.info.Processing, Weights: c.info.Weights, Ask: data}
	if err := c.call(ctx, ask.Verb(), call, tensors, answer.Interface()); err != nil {
		return nil, err
	}
	return answer.Elem().Interface(), nil
}

func (c *client) Process(ctx context.Context, p Processing) (Runner, error) {
	view := &client{http: c.http}
	if err := c.call(ctx, "open", Call{Model: c.info.Name, Processing: p, Weights: c.info.Weights}, nil, &view.info); err != nil {
		return nil, err
	}
	return view, nil
}

func (c *client) Close() error { return nil }
