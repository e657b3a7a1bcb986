package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golens/golens/model/files"
)

// valid is how long a certificate holds: longer than a lab keeps a folder.
const valid = 10 * 365 * 24 * time.Hour

// ident is what a server is known by and what opens it.
type ident struct {
	pair  tls.Certificate
	pem   string // the certificate
	token string
}

// identity reads a folder's certificate and token, or makes them. A certificate that
// does not hold for all names is made anew; whoever joined must then join again.
func identity(dir, host string, names []string) (id ident, err error) {
	certFile, keyFile, tokenFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "token")
	token, err := files.Read(tokenFile)
	if errors.Is(err, fs.ErrNotExist) {
		raw := make([]byte, 32)
		_, _ = rand.Read(raw) // it gives no errors
		token = []byte(hex.EncodeToString(raw))
		err = files.Secret(tokenFile, token)
	}
	if err != nil {
		return id, err
	}
	if id.token = strings.TrimSpace(string(token)); len(id.token) < 32 {
		return id, fmt.Errorf("%s: a token of %d letters; remove the file, and another is made", tokenFile, len(id.token))
	}
	hosts := hostsOf(host, names)
	if id.pair, err = tls.LoadX509KeyPair(certFile, keyFile); err != nil || !holds(id.pair, hosts) {
		if err := makeCertificate(certFile, keyFile, hosts); err != nil {
			return id, err
		}
		if id.pair, err = tls.LoadX509KeyPair(certFile, keyFile); err != nil {
			return id, err
		}
	}
	text, err := files.Read(certFile)
	id.pem = string(text)
	return id, err
}

// hostsOf are the names and addresses that a certificate must hold for.
func hostsOf(host string, names []string) []string {
	all := append([]string{"localhost", "127.0.0.1", "::1"}, names...)
	if name, err := os.Hostname(); err == nil {
		all = append(all, name)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsUnspecified() {
		all = append(all, host)
	} else if addrs, err := net.InterfaceAddrs(); err == nil {
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && !n.IP.IsLinkLocalUnicast() {
				all = append(all, n.IP.String())
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// holds tells whether a certificate holds for all hosts, now and for a while.
func holds(pair tls.Certificate, hosts []string) bool {
	cert, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil || time.Until(cert.NotAfter) < 30*24*time.Hour {
		return false
	}
	for _, h := range hosts {
		if cert.VerifyHostname(h) != nil {
			return false
		}
	}
	return true
}

func makeCertificate(certFile, keyFile string, hosts []string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	now := time.Now()
	cert := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "golens cluster"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(valid),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IsCA: true, BasicConstraintsValid: true}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			cert.IPAddresses = append(cert.IPAddresses, ip)
		} else {
			cert.DNSNames = append(cert.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		return err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := files.Secret(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})); err != nil {
		return err
	}
	return files.Secret(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// joinFile is what clients and workers join by; package model reads it.
type joinFile struct {
	URL   string `json:"url"`
	Token string `json:"token,omitempty"`
	CA    string `json:"ca,omitempty"`
	path  string
}

// address is where workers reach the server: by the first name that was given, else by
// the host that it listens on.
func (j *joinFile) address(host string, port int, names []string) string {
	scheme := "nats"
	if j.CA != "" {
		scheme = "tls"
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		if host = "localhost"; len(names) == 0 {
			if name, err := os.Hostname(); err == nil {
				host = name
			}
		}
	}
	if len(names) > 0 {
		host = names[0]
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(port))
}

func (j *joinFile) write() error {
	data, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return err
	}
	return files.Secret(j.path, append(data, '\n'))
}
