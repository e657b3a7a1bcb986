package queue

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/golens/golens/model/files"
)

// Where says where a cluster's server is and what opens it.
type Where struct {
	URL      string `json:"url"`             // of one server, or several between commas
	Token    string `json:"token,omitempty"` // shared by all
	CA       string `json:"ca,omitempty"`    // certificates that the server's must come from, as PEM
	creds    string // credentials file of NATS
	certFile string // of the client, for servers that ask for one
	keyFile  string
	caFile   string
	replicas int
	most     int64 // bytes of all that is kept, for accounts whose streams must say so; 0 says nothing
}

// String is the address without secrets.
func (w Where) String() string {
	var shown []string
	for _, one := range strings.Split(w.URL, ",") {
		if u, err := url.Parse(one); err == nil && known(u) { // what is not understood may hold a secret
			shown = append(shown, u.Scheme+"://"+u.Host)
		} else {
			shown = append(shown, "an address that cannot be read")
		}
	}
	return strings.Join(shown, ",")
}

// Find reads where a cluster is. With "://" in it, it is the address of a NATS server,
// such as tls://host:4222?creds=FILE, whose options are creds, ca, cert, key and token,
// all files, replicas, and most: gigabytes, for an account that asks for sizes. Else it
// is the file that `golens cluster` has written.
func Find(where string) (w Where, err error) {
	if !strings.Contains(where, "://") {
		return readJoin(where)
	}
	first, rest, _ := strings.Cut(where, ",") // options are those of the first
	u, err := url.Parse(first)
	if err != nil || !known(u) {
		return w, errors.New("GOLENS_CLUSTER: its address cannot be read; it is nats://HOST:PORT or tls://HOST:PORT") // without what it holds
	}
	for key, values := range u.Query() {
		v := values[len(values)-1]
		switch key {
		case "creds":
			w.creds = v
		case "ca":
			w.caFile = v
		case "cert":
			w.certFile = v
		case "key":
			w.keyFile = v
		case "token":
			data, err := secret("token: it is read from a file: ", v)
			if err != nil {
				return w, err
			}
			w.Token = strings.TrimSpace(string(data))
		case "replicas":
			if w.replicas, err = strconv.Atoi(v); err != nil || w.replicas < 1 || w.replicas > 5 {
				return w, errors.New("GOLENS_CLUSTER: replicas is a number from 1 to 5")
			}
		case "most":
			if w.most, err = strconv.ParseInt(v, 10, 64); err != nil || w.most < 1 || w.most > 1<<20 {
				return w, errors.New("GOLENS_CLUSTER: most is a number of gigabytes")
			}
			w.most <<= 30
		default:
			return w, errors.New("GOLENS_CLUSTER: an option that is none; there are creds, ca, cert, key, token, replicas and most") // without its name, which may be part of a secret
		}
	}
	u.RawQuery = ""
	w.URL = u.String()
	if rest != "" {
		w.URL += "," + rest
	}
	return w, nil
}

// known tells whether an address is one of a NATS server.
func known(u *url.URL) bool {
	return u.Host != "" && (u.Scheme == "nats" || u.Scheme == "tls" || u.Scheme == "ws" || u.Scheme == "wss")
}

// readJoin reads the file by which clients and workers join.
func readJoin(path string) (w Where, err error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		path = filepath.Join(path, JoinFile)
		_, err = os.Stat(path)
	}
	if err != nil {
		return w, fmt.Errorf("GOLENS_CLUSTER: neither the address of a server nor the file that `golens cluster` writes: %w", err)
	}
	data, err := secret("", path)
	if err != nil {
		return w, err
	}
	if err := json.Unmarshal(data, &w); err != nil || w.URL == "" {
		return w, fmt.Errorf("GOLENS_CLUSTER: %s is not a file that `golens cluster` writes", path)
	}
	return w, nil
}

// JoinFile is the name of the file by which clients and workers join.
const JoinFile = "join.json"

// loopback tells whether all servers are on this machine.
func (w Where) loopback() bool {
	for _, one := range strings.Split(w.URL, ",") {
		u, err := url.Parse(one)
		if err != nil {
			return false
		}
		if host := u.Hostname(); host != "localhost" && !net.ParseIP(host).IsLoopback() {
			return false
		}
	}
	return true
}

// options are how to connect. What goes over a network is encrypted.
func (w Where) options() ([]nats.Option, error) {
	var opts []nats.Option
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	pem := []byte(w.CA)
	if w.caFile != "" {
		var err error
		if pem, err = files.Read(w.caFile); err != nil {
			return nil, fmt.Errorf("GOLENS_CLUSTER: ca: %w", err)
		}
	}
	if len(pem) > 0 {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("GOLENS_CLUSTER: ca: no certificate in it")
		}
	}
	if (w.certFile == "") != (w.keyFile == "") {
		return nil, errors.New("GOLENS_CLUSTER: cert and key go together")
	}
	if w.certFile != "" {
		if _, err := secret("key: ", w.keyFile); err != nil {
			return nil, err
		}
		pair, err := tls.LoadX509KeyPair(w.certFile, w.keyFile)
		if err != nil {
			return nil, fmt.Errorf("GOLENS_CLUSTER: cert: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	if !w.loopback() || len(pem) > 0 || w.certFile != "" {
		opts = append(opts, nats.Secure(conf))
	}
	if w.Token != "" {
		opts = append(opts, nats.Token(w.Token))
	}
	if w.creds != "" {
		if _, err := secret("creds: ", w.creds); err != nil {
			return nil, err
		}
		opts = append(opts, nats.UserCredentials(w.creds))
	}
	return opts, nil
}
