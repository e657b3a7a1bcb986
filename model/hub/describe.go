package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// maxListing bounds the answer that lists a commit's files: a hundred thousand
// files have about 10 MB.
const maxListing = 32 << 20

// listing is what the Hub says of a revision.
type listing struct {
	commit string
	files  []string
}

// list asks the Hub what a revision means and which files it has.
func (s *session) list(ctx context.Context) (l listing, err error) {
	address := fmt.Sprintf("%s/api/models/%s/revision/%s", s.Endpoint, s.ref.ID, url.PathEscape(s.ref.revision()))
	err = s.persist(ctx, func() (bool, error) {
		resp, err := s.send(ctx, http.MethodGet, address, "list of files", nil, http.StatusOK)
		if err != nil {
			return false, err
		}
		data, err := read(resp, maxListing)
		if err == nil {
			l, err = parseListing(data)
		}
		if err != nil {
			err = fmt.Errorf("list of files: %w", err)
		}
		return false, err
	})
	return l, err
}

func parseListing(data []byte) (listing, error) {
	var answer struct {
		SHA      string `json:"sha"`
		Siblings []struct {
			Name string `json:"rfilename"`
		} `json:"siblings"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return listing{}, fmt.Errorf("the answer is not the Hub's (is HF_ENDPOINT right?): %w", err)
	}
	if !commitID.MatchString(answer.SHA) {
		return listing{}, fmt.Errorf("the answer is not the Hub's (is HF_ENDPOINT right?): it names no commit")
	}
	l := listing{commit: answer.SHA, files: make([]string, 0, len(answer.Siblings))}
	for _, f := range answer.Siblings {
		l.files = append(l.files, f.Name)
	}
	return l, nil
}

// entry is a file as the Hub describes it.
type entry struct {
	name string
	etag string // name of its blob
	size int64
}

// describe asks for a file's hash and size.
func (s *session) describe(ctx context.Context, commit, name string) (e entry, err error) {
	ctx = context.WithValue(ctx, stayKey{}, true)
	err = s.persist(ctx, func() (bool, error) {
		resp, err := s.send(ctx, http.MethodHead, s.address(commit, name), name, nil,
			http.StatusOK, http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect)
		if err != nil {
			return false, err
		}
		resp.Body.Close()
		if e, err = parseEntry(resp.Header, resp.ContentLength, commit, name); err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
		return false, err
	})
	return e, err
}

func (s *session) address(commit, name string) string {
	folders := strings.ReplaceAll(url.PathEscape(name), "%2F", "/")
	return fmt.Sprintf("%s/%s/resolve/%s/%s", s.Endpoint, s.ref.ID, commit, folders)
}

// etagPattern is what may become the name of a file.
var etagPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// parseEntry reads the headers in which the Hub describes a file. Those named
// Linked are of the content, where the file itself is a pointer to it.
func parseEntry(h http.Header, length int64, commit, name string) (entry, error) {
	if at := h.Get("X-Repo-Commit"); at != commit {
		return entry{}, fmt.Errorf("the answer is not the Hub's, or not of commit %s; is HF_ENDPOINT right, or a proxy in between?", commit)
	}
	etag := h.Get("X-Linked-Etag")
	if etag == "" {
		etag = h.Get("ETag")
	}
	etag = strings.Trim(strings.TrimPrefix(etag, "W/"), `"`)
	if !etagPattern.MatchString(etag) {
		return entry{}, fmt.Errorf("the Hub gives no hash of it that can name a file: %.40q", etag)
	}
	if text := h.Get("X-Linked-Size"); text != "" {
		var err error
		if length, err = strconv.ParseInt(text, 10, 64); err != nil {
			return entry{}, fmt.Errorf("its size is %.40q", text)
		}
	}
	if length < 0 {
		return entry{}, fmt.Errorf("the Hub does not tell its size")
	}
	return entry{name, etag, length}, nil
}
