package hub

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// refused is the error of an answer that is not what was asked for.
func (s *session) refused(resp *http.Response, what string) error {
	said := s.said(resp)
	host := resp.Request.URL.Host
	err := s.cause(resp)
	if err == nil {
		err = fmt.Errorf("%s: %s answers %d %s", what, host, resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	if said != "" {
		err = fmt.Errorf("%w (%s says: %s)", err, host, said)
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests:
		return temporary{err, asked(resp.Header, time.Now())}
	case http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return temporary{err, asked(resp.Header, time.Now())}
	}
	return err
}

// cause reads why the Hub refuses; nil if it is not the Hub, or does not tell.
func (s *session) cause(resp *http.Response) error {
	if !sameOrigin(resp.Request.URL, s.origin) {
		return nil
	}
	page := s.Endpoint + "/" + s.ref.ID
	code, status := resp.Header.Get("X-Error-Code"), resp.StatusCode
	denied := status == http.StatusUnauthorized || status == http.StatusForbidden
	switch {
	case (denied || code == "GatedRepo" || code == "RepoNotFound") && s.Token != "" && !confidential(s.origin):
		return fmt.Errorf("%w, without your token: it was not shown to %s, where it would go unencrypted; set HF_ENDPOINT to an https address",
			ErrAccess, s.Endpoint)
	case code == "GatedRepo" && s.Token == "":
		return fmt.Errorf("%w: its authors want to know who uses it. Ask for access at %s, make a token at %s/settings/tokens, "+
			"and set HF_TOKEN to it", ErrAccess, page, s.Endpoint)
	case code == "GatedRepo":
		return fmt.Errorf("%w: its authors want to know who uses it. The account of your token has not been granted access: "+
			"ask for it at %s; a token with fine permissions also needs the one to read gated models", ErrAccess, page)
	case code == "RevisionNotFound":
		return fmt.Errorf("%w %q; the branches, tags and commits of %s are listed at %s/tree/main",
			ErrRevision, s.ref.revision(), s.ref.ID, page)
	case code == "EntryNotFound":
		return fmt.Errorf("%w at this revision", ErrFile)
	case denied && strings.Contains(resp.Header.Get("X-Error-Message"), "Invalid credentials"):
		return fmt.Errorf("%w: the Hub does not accept the token; set HF_TOKEN to a valid one, or to none", ErrAccess)
	case code == "RepoNotFound" && s.Token == "", code == "" && status == http.StatusUnauthorized && s.Token == "":
		return fmt.Errorf("%w on %s, or it is private. Check the name; for a private one set HF_TOKEN to a token that may read it",
			ErrRepository, s.origin.Host)
	case code == "RepoNotFound":
		return fmt.Errorf("%w on %s, or it is private and your token may not read it. Check the name, and whose token it is",
			ErrRepository, s.origin.Host)
	case denied:
		return fmt.Errorf("%w: %s answers %d %s; your token may lack a permission",
			ErrAccess, s.origin.Host, status, http.StatusText(status))
	}
	return nil
}

// said is what the server gives as its reason, fit to be shown: one line,
// short, and without the token, should it be repeated there.
func (s *session) said(resp *http.Response) string {
	text := resp.Header.Get("X-Error-Message")
	if text == "" {
		var body struct {
			Error json.RawMessage `json:"error"`
		}
		data, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10)) // a reason is short
		if json.Unmarshal(data, &body) == nil {
			_ = json.Unmarshal(body.Error, &text) // anything but a string is no reason to show
		}
	}
	if s.Token != "" {
		text = strings.ReplaceAll(text, string(s.Token), "TOKEN")
	}
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || !printable(string(r)) }), " ")
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "..."
	}
	return text
}

// asked is the pause for which a server asks: seconds or a date in Retry-After,
// or the seconds t of the Hub's RateLimit header.
func asked(h http.Header, now time.Time) time.Duration {
	if text := h.Get("Retry-After"); text != "" {
		if s, err := strconv.ParseFloat(text, 64); err == nil && s > 0 && s < 1e9 {
			return time.Duration(s * float64(time.Second))
		}
		if at, err := http.ParseTime(text); err == nil {
			return max(0, at.Sub(now))
		}
	}
	for _, part := range strings.Split(h.Get("RateLimit"), ";") {
		if text, ok := strings.CutPrefix(strings.TrimSpace(part), "t="); ok {
			if s, err := strconv.ParseInt(text, 10, 32); err == nil && s > 0 {
				return time.Duration(s) * time.Second
			}
		}
	}
	return 0
}
