package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificates writes an authority and a certificate of it, in PEM, and gives the pair.
func certificates(t *testing.T, dir, name string) (ca, cert, key string, pair tls.Certificate) {
	t.Helper()
	write := func(file, kind string, der []byte) string {
		path := filepath.Join(dir, name+file)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	made := func(c, parent *x509.Certificate, signer *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey) {
		own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		if signer == nil {
			signer = own
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, &own.PublicKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		return der, own
	}
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	root, signer := made(authority, authority, nil)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, own := made(leaf, authority, signer)
	private, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		t.Fatal(err)
	}
	ca, cert, key = write(".ca", "CERTIFICATE", root), write(".cert", "CERTIFICATE", der), write(".key", "PRIVATE KEY", private)
	return ca, cert, key, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: own}
}

func TestHubIsReachedAsTheSettingsSay(t *testing.T) {
	dir := t.TempDir()
	ca, cert, key, pair := certificates(t, dir, "ours")
	otherCA, otherCert, otherKey, _ := certificates(t, dir, "other")
	roots := x509.NewCertPool()
	text, err := os.ReadFile(ca)
	if err != nil || !roots.AppendCertsFromPEM(text) {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	reached := func(h Hub) error {
		c, err := h.tlsConfig()
		if err != nil {
			return err
		}
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}}
		answer, err := client.Get(server.URL)
		if err == nil {
			answer.Body.Close()
		}
		return err
	}
	good := Hub{CA: ca, Cert: cert, Key: key}
	if err := reached(good); err != nil {
		t.Error(err)
	}
	for name, bad := range map[string]Hub{
		"another authority":   {CA: otherCA, Cert: cert, Key: key},
		"no certificate":      {CA: ca},
		"another certificate": {CA: ca, Cert: otherCert, Key: otherKey},
		"key of another":      {CA: ca, Cert: cert, Key: otherKey},
		"no file":             {CA: filepath.Join(dir, "none")},
		"not PEM":             {CA: key},
		"system's roots":      {Cert: cert, Key: key},
	} {
		if err := reached(bad); err == nil {
			t.Errorf("%s: reached", name)
		}
	}
	// A certificate that was renewed is used with the next connection.
	c, err := good.tlsConfig()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(otherCert, cert); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(otherKey, key); err != nil {
		t.Fatal(err)
	}
	if own, err := c.GetClientCertificate(nil); err != nil || strings.Contains(string(own.Certificate[0]), "ours") {
		t.Errorf("still the old one: %v", err)
	}
	if c, err := (&Hub{}).tlsConfig(); c != nil || err != nil {
		t.Errorf("nothing set: %v, %v", c, err)
	}
}

func TestCertificatesNeedTLS(t *testing.T) {
	for name, c := range map[string]struct {
		hub  Hub
		want string
	}{
		"authority without TLS":   {Hub{URL: "ws://hub", CA: "x"}, "wss://"},
		"certificate without TLS": {Hub{URL: "ws://hub", Cert: "x", Key: "y"}, "wss://"},
		"certificate without key": {Hub{URL: "wss://hub", Cert: "x"}, "hub.key"},
		"key without certificate": {Hub{URL: "wss://hub", Key: "x"}, "hub.cert"},
		"all":                     {Hub{URL: "wss://hub", CA: "c", Cert: "x", Key: "y"}, ""},
	} {
		cfg := defaultConfig()
		cfg.Hub = c.hub
		err := cfg.check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
