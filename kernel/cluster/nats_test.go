package cluster_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/modeltest"
)

// natsServer starts NATS as a lab runs it: golens has no part in its configuration.
func natsServer(t *testing.T, o server.Options) (address string) {
	t.Helper()
	o.Host, o.Port, o.JetStream, o.StoreDir, o.NoSigs, o.NoLog = "127.0.0.1", server.RANDOM_PORT, true, t.TempDir(), true, true
	s, err := server.NewServer(&o)
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	if !s.ReadyForConnections(4 * time.Minute) {
		t.Fatal("NATS does not start")
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s.Addr().String()
}

// deals sends a sweep through a server to a worker process, and wants what is computed here.
func deals(t *testing.T, where string) {
	t.Helper()
	w := startWorker(t, where)
	w.until(t, "worker ")
	m := dealer(t, where)
	ask := heads(m, 8, 1)
	want, err := local(t).Sweep(ask)
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Sweep(ask)
	if err != nil {
		t.Fatal(err)
	}
	if err := modeltest.SameSweep(want, got); err != nil {
		t.Error(err)
	}
	if len(got.Computed) != 1 {
		t.Errorf("computed by %v", got.Computed)
	}
	settled(t, m, 1)
}

// refused opens a model with an address, and wants an error that says so much.
func refused(t *testing.T, name, where, want string) {
	t.Helper()
	_, err := model.OpenContext(model.WithCluster(t.Context(), where), modeltest.Dir())
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v; it should say %q", name, err, want)
	}
}

func write(t *testing.T, name string, data []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// signer is a key of NATS: of an operator, of an account or of a user.
func signer(t *testing.T, of nkeys.PrefixByte) (nkeys.KeyPair, string) {
	t.Helper()
	pair, err := nkeys.CreatePair(of)
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return pair, public
}

func sign(t *testing.T, claims jwt.Claims, by nkeys.KeyPair) string {
	t.Helper()
	text, err := claims.Encode(by)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A server in operator mode knows accounts and users by signed tokens; users show
// theirs, and their key, from the file that nsc writes.
func TestCredentialsOfNATS(t *testing.T) {
	operator, operatorKey := signer(t, nkeys.PrefixByteOperator)
	operatorClaims := jwt.NewOperatorClaims(operatorKey)
	resolver := &server.MemAccResolver{}
	account := func(limits jwt.JetStreamLimits) nkeys.KeyPair {
		pair, public := signer(t, nkeys.PrefixByteAccount)
		claims := jwt.NewAccountClaims(public)
		claims.Limits.JetStreamLimits = limits
		if err := resolver.Store(public, sign(t, claims, operator)); err != nil {
			t.Fatal(err)
		}
		return pair
	}
	file := func(account nkeys.KeyPair, expires time.Duration, subjects ...string) string {
		pair, public := signer(t, nkeys.PrefixByteUser)
		claims := jwt.NewUserClaims(public)
		claims.Pub.Allow, claims.Sub.Allow = subjects, subjects
		if expires != 0 {
			claims.Expires = time.Now().Add(expires).Unix()
		}
		seed, err := pair.Seed()
		if err != nil {
			t.Fatal(err)
		}
		data, err := jwt.FormatUserConfig(sign(t, claims, account), seed)
		if err != nil {
			t.Fatal(err)
		}
		return write(t, "lab.creds", data)
	}
	_, systemKey := signer(t, nkeys.PrefixByteAccount)
	if err := resolver.Store(systemKey, sign(t, jwt.NewAccountClaims(systemKey), operator)); err != nil {
		t.Fatal(err)
	}
	everything := jwt.JetStreamLimits{DiskStorage: 1 << 30, Streams: jwt.NoLimit, Consumer: jwt.NoLimit}
	member := account(everything)
	var anotherLab nkeys.KeyPair
	anotherLab, _ = signer(t, nkeys.PrefixByteAccount) // which the operator has not signed
	sized := everything
	sized.MaxBytesRequired = true
	where := "nats://" + natsServer(t, server.Options{TrustedOperators: []*jwt.OperatorClaims{operatorClaims}, AccountResolver: resolver, SystemAccount: systemKey}) + "?creds="

	deals(t, where+file(member, 0))
	open := file(member, 0)
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	refused(t, "a file that others can read", where+open, "can be read by others")
	deals(t, where+file(account(everything), 0, "golens.>", "$JS.>", "$KV.>", "$O.>", "_INBOX.>"))
	refused(t, "without a right", where+file(account(everything), 0, "golens.>", "_INBOX.>"), "its user lacks a right")
	refused(t, "no file", strings.TrimSuffix(where, "?creds="), "refuses the token or credentials")
	refused(t, "a file that is not there", where+filepath.Join(t.TempDir(), "none"), "creds")
	refused(t, "a file of something else", where+write(t, "lab.creds", []byte("token")), "creds")
	refused(t, "another lab's", where+file(anotherLab, 0), "refuses the token or credentials")
	refused(t, "out of date", where+file(member, -time.Hour), "refuses the token or credentials")
	refused(t, "an account without JetStream", where+file(account(jwt.JetStreamLimits{}), 0), "no JetStream")
	refused(t, "an account with too few streams", where+file(account(jwt.JetStreamLimits{DiskStorage: 1 << 30, Streams: 2, Consumer: 2}), 0), "streams")
	service := where + file(account(sized), 0)
	refused(t, "an account whose streams have sizes", service, "?most=4")
	deals(t, service+"&most=1")
}

// authority signs certificates.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func certificate(t *testing.T, name string, by *authority) (a *authority, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	if by == nil {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
		by = &authority{key, c}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by.cert, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{key, c}, write(t, "cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		write(t, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

// A server that asks for certificates lets in whom its own authority has signed.
func TestClientCertificatesOfNATS(t *testing.T) {
	ours, ca, _ := certificate(t, "the lab", nil)
	theirs, _, _ := certificate(t, "another lab", nil)
	_, cert, key := certificate(t, "server", ours)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(mustParse(t, ca))
	where := "tls://" + natsServer(t, server.Options{TLS: true, TLSVerify: true, TLSTimeout: 60,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}}) + "?ca=" + ca

	_, cert, key = certificate(t, "a member", ours)
	deals(t, where+"&cert="+cert+"&key="+key)
	_, cert, key = certificate(t, "a member", ours)
	if err := os.Chmod(key, 0o640); err != nil {
		t.Fatal(err)
	}
	refused(t, "a key that others can read", where+"&cert="+cert+"&key="+key, "can be read by others")
	refused(t, "no certificate", where, "asks for a certificate")
	_, cert, key = certificate(t, "a stranger", theirs)
	refused(t, "another lab's", where+"&cert="+cert+"&key="+key, "asks for a certificate")
	refused(t, "half of one", where+"&cert="+cert, "cert and key go together")
	_, _, key = certificate(t, "somebody else", ours)
	refused(t, "a key of another", where+"&cert="+cert+"&key="+key, "cert")
}

func mustParse(t *testing.T, file string) *x509.Certificate {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
