package link_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"yeban/sync/link"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	a.cert, a.key = a.issue(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

func (a *authority) issue(t *testing.T, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

func (a *authority) leaf(t *testing.T, usage x509.ExtKeyUsage) tls.Certificate {
	t.Helper()
	cert, key := a.issue(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{usage},
	})
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// secured puts a hub behind TLS that demands a certificate of the authority.
func secured(t *testing.T, h *hub, a *authority) (url string) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{a.leaf(t, x509.ExtKeyUsageServerAuth)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.pool(),
	}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it tells of every handshake that fails
	server.StartTLS()
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return strings.Replace(strings.Replace(server.URL, "https://", "wss://", 1), "127.0.0.1", "localhost", 1)
}

func TestBothSidesProveThemselvesOverTLS(t *testing.T) {
	a := newAuthority(t)
	h := newHub(t, nil)
	url := secured(t, h, a)
	box := boxIn(t, t.TempDir())
	fill(t, box, 0, 5)
	k := start(t, h, box, func(cfg *link.Config) {
		cfg.URL, cfg.TLS = url, &tls.Config{RootCAs: a.pool(), Certificates: []tls.Certificate{a.leaf(t, x509.ExtKeyUsageClientAuth)}}
	})
	k.delivered()
	h.exactlyOnce(5)
}

func TestWhoCannotProveItselfIsNotSpokenTo(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	h := newHub(t, nil)
	url := secured(t, h, a)
	for name, cfg := range map[string]*tls.Config{
		"hub of another authority":      {RootCAs: other.pool(), Certificates: []tls.Certificate{a.leaf(t, x509.ExtKeyUsageClientAuth)}},
		"hub of another name":           {RootCAs: a.pool(), ServerName: "elsewhere.example", Certificates: []tls.Certificate{a.leaf(t, x509.ExtKeyUsageClientAuth)}},
		"terminal without certificate":  {RootCAs: a.pool()},
		"terminal of another authority": {RootCAs: a.pool(), Certificates: []tls.Certificate{other.leaf(t, x509.ExtKeyUsageClientAuth)}},
	} {
		t.Run(name, func(t *testing.T) {
			box := boxIn(t, t.TempDir())
			fill(t, box, 0, 1)
			k := start(t, h, box, func(c *link.Config) { c.URL, c.TLS = url, cfg })
			s := k.state("refused", func(s link.State) bool { return s.Err != nil })
			var authority x509.UnknownAuthorityError
			if name == "hub of another authority" && !errors.As(s.Err, &authority) {
				t.Error(s.Err)
			}
			if len(h.seen().dialled) != 0 {
				t.Errorf("the hub heard of it: %v", s.Err)
			}
			if box.Acknowledged() != 0 {
				t.Error("something was sent")
			}
		})
	}
}
