package model

import (
	"bytes"
	"context"
	"encoding/gob"
	"fmt"
	"net"
	"net/http"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/internal/wire"
)

// Call is what a client sends to a model host. Exactly one of the parts that
// come after Processing is set, as the verb asks.
type Call struct {
	Model      string
	Cached     bool // fail rather than download the model
	Processing Processing

	Request    Request
	Sweep      Sweep
	Generation Generation
	Chains     []Chain
	Texts      []string
	IDs        []int32
}

// Answer is what a model host sends back.
type Answer struct {
	Info      Info
	Result    *Result
	Sweep     *SweepResult
	Plan      *Plan
	Generated *Generated
	Arrays    []*array.Array
	Rows      [][]int32
	Text      string
	Labels    []string
}

// client is a Runner that asks the model host.
type client struct {
	http *http.Client
	info Info
}

// openIn opens a model in the host that listens on the socket.
func openIn(ctx context.Context, socket string, open Call) (*Model, error) {
	c, err := dial(ctx, socket, open)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", open.Model, err)
	}
	return New(c), nil
}

func dial(ctx context.Context, socket string, open Call) (*client, error) {
	c := &client{http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}}
	a, err := c.call(ctx, "open", open)
	if err != nil {
		return nil, err
	}
	c.info = a.Info
	return c, nil
}

func (c *client) call(ctx context.Context, verb string, call Call) (*Answer, error) {
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(call); err != nil {
		return nil, fmt.Errorf("model host, %s: %w", verb, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://host/v1/"+verb, &body)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the model host does not answer; restart the kernel: %w", err)
	}
	defer resp.Body.Close()
	data, err := wire.Read(resp.Body, func(f wire.Frame) {
		if f.Download != "" {
			reportDownload(ctx, Download{f.Download, f.Done, f.Total})
			return
		}
		report(ctx, f.Done, f.Total)
	})
	if err != nil {
		return nil, err
	}
	a := &Answer{}
	return a, gob.NewDecoder(bytes.NewReader(data)).Decode(a)
}

// ask calls a verb on the open model.
func (c *client) ask(ctx context.Context, verb string, call Call) (*Answer, error) {
	call.Model, call.Processing = c.info.Name, c.info.Processing
	a, err := c.call(ctx, verb, call)
	if err != nil {
		return &Answer{}, err
	}
	return a, nil
}

func (c *client) Info() Info { return c.info }

func (c *client) Do(ctx context.Context, r Request) (*Result, error) {
	a, err := c.ask(ctx, "run", Call{Request: r})
	return a.Result, err
}

func (c *client) Sweep(ctx context.Context, s Sweep) (*SweepResult, error) {
	a, err := c.ask(ctx, "sweep", Call{Sweep: s})
	return a.Sweep, err
}

func (c *client) Explain(ctx context.Context, s Sweep) (*Plan, error) {
	a, err := c.ask(ctx, "explain", Call{Sweep: s})
	return a.Plan, err
}

func (c *client) Generate(ctx context.Context, g Generation) (*Generated, error) {
	a, err := c.ask(ctx, "generate", Call{Generation: g})
	return a.Generated, err
}

func (c *client) Products(ctx context.Context, chains []Chain) ([]*array.Array, error) {
	a, err := c.ask(ctx, "products", Call{Chains: chains})
	return a.Arrays, err
}

func (c *client) Encode(ctx context.Context, texts []string) ([][]int32, error) {
	a, err := c.ask(ctx, "encode", Call{Texts: texts})
	return a.Rows, err
}

func (c *client) Decode(ctx context.Context, ids []int32) (string, []string, error) {
	a, err := c.ask(ctx, "decode", Call{IDs: ids})
	return a.Text, a.Labels, err
}

func (c *client) Process(ctx context.Context, p Processing) (Runner, error) {
	a, err := c.call(ctx, "open", Call{Model: c.info.Name, Processing: p})
	if err != nil {
		return nil, err
	}
	return &client{http: c.http, info: a.Info}, nil
}

func (c *client) Close() error { return nil }
