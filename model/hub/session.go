package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// session is what one call of Get talks to the Hub with.
type session struct {
	Config
	ref     Ref
	origin  *url.URL // of the Hub
	http    *http.Client
	reached atomic.Bool // the Hub has answered
}

func newSession(ref Ref, c Config) (*session, error) {
	origin, err := url.Parse(c.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("HF_ENDPOINT is not an address")
	}
	base := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if usual, ok := http.DefaultTransport.(*http.Transport); ok { // unless a program has put its own there
		base = usual.Clone()
	}
	base.ResponseHeaderTimeout = 30 * time.Second // the Hub answers in well under one
	s := &session{Config: c, ref: ref, origin: origin}
	s.http = &http.Client{Transport: authorized{base, origin, c.Token}, CheckRedirect: follow}
	return s, nil
}

func (s *session) close() { s.http.CloseIdleConnections() }

// authorized shows the token to the Hub and to nobody else, wherever redirects
// lead, and not where others could read it on the way: no request carries it
// before it gets here.
type authorized struct {
	base   http.RoundTripper
	origin *url.URL
	token  Token
}

// RoundTrip implements [http.RoundTripper].
func (a authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Del("Referer")
	r.Header.Del("Authorization")
	if a.token != "" && sameOrigin(r.URL, a.origin) && confidential(a.origin) {
		r.Header.Set("Authorization", "Bearer "+string(a.token))
	}
	return a.base.RoundTrip(r)
}

// CloseIdleConnections is what [http.Client.CloseIdleConnections] looks for.
func (a authorized) CloseIdleConnections() {
	if t, ok := a.base.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
}

// confidential tells whether nobody on the way reads what is sent there: it goes
// by https, or stays on this machine.
func confidential(origin *url.URL) bool {
	ip := net.ParseIP(origin.Hostname())
	return origin.Scheme == "https" || origin.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

func sameOrigin(a, b *url.URL) bool { return a.Scheme == b.Scheme && a.Host == b.Host }

type stayKey struct{}

// follow decides on redirects. Who asks for a file's description wants what the
// Hub says of it, not what the host says to which the Hub sends for its content.
func follow(next *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("10 redirects in a row")
	}
	if via[0].URL.Scheme == "https" && next.URL.Scheme != "https" {
		return errors.New("a redirect leads from https to " + next.URL.Scheme)
	}
	if next.Context().Value(stayKey{}) != nil && !sameOrigin(next.URL, via[0].URL) {
		return http.ErrUseLastResponse
	}
	return nil
}

// send sends one request. The answer's status is one of want; any other, like
// no answer at all, is an error. What is asked of the Hub says what for.
func (s *session) send(ctx context.Context, method, address, what string, header http.Header, want ...int) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return nil, fmt.Errorf("the address of %s cannot be made", what)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", "golens")
	req.Header.Set("Accept-Encoding", "identity") // sizes and ranges are of the content itself
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, s.unreached(ctx, what, err)
	}
	s.reached.Store(true)
	for _, code := range want {
		if resp.StatusCode == code {
			return resp, nil
		}
	}
	defer resp.Body.Close()
	return nil, s.refused(resp, what)
}

// unreached is the error of a request that got no answer. The address is left
// out: where the Hub sends for content, it is signed and opens the file to
// anybody.
func (s *session) unreached(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	host := s.origin.Host
	var u *url.Error
	if errors.As(err, &u) {
		if at, parsed := url.Parse(u.URL); parsed == nil && at.Host != "" {
			host = at.Host
		}
		err = u.Err
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return temporary{error: fmt.Errorf("%s: cannot find the host %s; is there a network?", what, host)}
	}
	return temporary{error: fmt.Errorf("%s: no answer from %s: %w", what, host, err)}
}

// read reads an answer of at most most bytes.
func read(resp *http.Response, most int64) ([]byte, error) {
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil {
		return nil, temporary{error: err}
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("the answer is longer than %s", Bytes(most))
	}
	return data, nil
}
