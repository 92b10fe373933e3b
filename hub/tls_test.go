package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"yeban/hub/store"
	"yeban/sync/protocol"
)

// authority signs certificates for a test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	var der []byte
	der, a.key = a.make(name, true)
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return a
}

func (a *authority) make(name string, ca bool) (der []byte, key *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		a.t.Fatal(err)
	}
	cert := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: ca, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	parent, signer := a.cert, a.key
	if ca {
		parent, signer = cert, key
	}
	if der, err = x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, signer); err != nil {
		a.t.Fatal(err)
	}
	return der, key
}

// files are a certificate and its key as PEM.
func (a *authority) files(name string) (certFile, keyFile string) {
	a.t.Helper()
	der, key := a.make(name, false)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	write := func(suffix, kind string, bytes []byte) string {
		path := filepath.Join(a.dir, name+suffix)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600); err != nil {
			a.t.Fatal(err)
		}
		return path
	}
	return write(".crt", "CERTIFICATE", der), write(".key", "PRIVATE KEY", secret)
}

func (a *authority) file() string {
	a.t.Helper()
	path := filepath.Join(a.dir, "ca.pem")
	if err := os.WriteFile(path, a.pem, 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

func TestTerminalsShowTheirCertificates(t *testing.T) {
	data := t.TempDir()
	mustHub(t, "--data", data, "init")
	ours, others := newAuthority(t, "province"), newAuthority(t, "elsewhere")
	cfg, err := loadConfig("", data)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Listen = "127.0.0.1:0"
	cfg.TLS.Cert, cfg.TLS.Key = ours.files("hub")
	cfg.TLS.ClientCA = ours.file()
	m := &Main{Config: cfg, Log: slog.New(slog.DiscardHandler)}
	if err := m.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	for i, id := range []string{"hall-1", "hall-2"} {
		if err := m.store.AddKiosk(t.Context(), store.Kiosk{ID: id, Number: i + 1, Name: id}, "token-"+id, false); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(ours.cert)
	// dial gives the socket, or the status of the refusal, or 0 when TLS itself failed.
	dial := func(kiosk string, by *authority, name string) (*websocket.Conn, int) {
		t.Helper()
		d := websocket.Dialer{Subprotocols: []string{protocol.Subprotocol}, TLSClientConfig: &tls.Config{RootCAs: roots}}
		if by != nil {
			pair, err := tls.LoadX509KeyPair(by.files(name))
			if err != nil {
				t.Fatal(err)
			}
			d.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		}
		ws, r, err := d.Dial("wss"+strings.TrimPrefix(m.URL(), "https")+protocol.Path, http.Header{"Authorization": {"Bearer token-" + kiosk}})
		switch {
		case err == nil:
			return ws, http.StatusSwitchingProtocols
		case r == nil:
			return nil, 0
		}
		return nil, r.StatusCode
	}
	for name, c := range map[string]struct {
		kiosk string
		by    *authority
		cert  string
		want  int
	}{
		"no certificate":                {"hall-1", nil, "", http.StatusForbidden},
		"another terminal's":            {"hall-1", ours, "hall-2", http.StatusForbidden},
		"its own, another's token":      {"hall-2", ours, "hall-1", http.StatusForbidden},
		"its own, and no such token":    {"nobody", ours, "hall-1", http.StatusUnauthorized},
		"its name, by another province": {"hall-1", others, "hall-1", 0},
	} {
		if ws, got := dial(c.kiosk, c.by, c.cert); got != c.want {
			if ws != nil {
				ws.Close()
			}
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	ws, got := dial("hall-1", ours, "hall-1")
	if ws == nil {
		t.Fatalf("its own: %d", got)
	}
	c := &terminal{t, protocol.NewConn(ws, protocol.ConnConfig{Ping: time.Hour, Dead: patience})}
	t.Cleanup(c.Abort)
	if w := c.hello(0); w.Fence != 1 || w.SettleMs < 2000 {
		t.Errorf("welcome %+v, want 2 s to settle from a hub that has just started", w)
	}

	// People need none.
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}}
	defer web.CloseIdleConnections()
	for _, path := range []string{"/login", "/healthz", "/metrics"} {
		r, err := web.Get(m.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		r.Body.Close()
		if r.ProtoMajor != 2 {
			t.Errorf("%s: %s", path, r.Proto)
		}
		if r.StatusCode != http.StatusOK || path == "/login" && r.Header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
		if path == "/metrics" && !strings.Contains(body.String(), `yeban_attention{what="alarms"} 0`) {
			t.Error("metrics do not tell what waits for a person")
		}
	}
}

// TestChangedFilesAreTaken: a renewed certificate and another authority count for the next
// handshake, a session that was begun under the old authority is no way around the new one,
// and broken files change nothing.
func TestChangedFilesAreTaken(t *testing.T) {
	a, next := newAuthority(t, "province"), newAuthority(t, "its successor")
	files := TLS{ClientCA: a.file()}
	files.Cert, files.Key = a.files("hub")
	var log bytes.Buffer
	s := &secured{files: files, log: slog.New(slog.NewTextHandler(&log, nil))}
	now := time.Now()
	if err := s.read(now); err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetConfigForClient: s.get})
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("x")) // after the handshake, which fails here where it does
			c.Close()
		}
	})
	t.Cleanup(func() { l.Close(); serving.Wait() })
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	sessions := map[*authority]tls.ClientSessionCache{a: tls.NewLRUClientSessionCache(8), next: tls.NewLRUClientSessionCache(8)}
	// dial gives the serial of the hub's certificate, or "" when it does not take ours.
	dial := func(by *authority) string {
		t.Helper()
		pair, err := tls.LoadX509KeyPair(by.files("hall-1"))
		if err != nil {
			t.Fatal(err)
		}
		c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: roots, ClientSessionCache: sessions[by],
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }})
		if err != nil {
			return ""
		}
		defer c.Close()
		if _, err := c.Read(make([]byte, 1)); err != nil {
			return ""
		}
		return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	later := func(d time.Duration) {
		t.Helper()
		for _, name := range []string{files.Cert, files.Key, files.ClientCA} {
			if err := os.Chtimes(name, now.Add(d), now.Add(d)); err != nil {
				t.Fatal(err)
			}
		}
		s.mu.Lock()
		s.looked = now.Add(-reloadEvery)
		s.mu.Unlock()
	}
	first := dial(a)
	if first == "" || dial(next) != "" {
		t.Fatal("at first its own authority counts, and no other")
	}
	a.files("hub") // renewed in place
	later(time.Minute)
	sessions[a] = tls.NewLRUClientSessionCache(8) // which would show the certificate of its beginning
	if got := dial(a); got == first || got == "" {
		t.Error("the renewed certificate is not taken")
	}
	if err := os.WriteFile(files.ClientCA, next.pem, 0o600); err != nil {
		t.Fatal(err)
	}
	later(-time.Minute) // a file that is put in place may be older
	if dial(a) != "" || dial(next) == "" {
		t.Error("the new authority is not taken")
	}
	for i, name := range []string{files.Key, files.ClientCA} {
		whole, err := os.ReadFile(name)
		if err != nil || os.WriteFile(name, []byte("half a fi"), 0o600) != nil {
			t.Fatal(err)
		}
		later(time.Duration(i+2) * time.Minute)
		if dial(next) == "" || strings.Count(log.String(), "the present ones stay") != i+1 {
			t.Errorf("a broken %s: %s", filepath.Base(name), log.String())
		}
		if err := os.WriteFile(name, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRoomForConnections(t *testing.T) {
	for _, c := range []struct {
		connections int
		openFiles   uint64
		want        int
	}{{18000, 20000, 18000}, {18000, 18000 + spare, 18000}, {18000, 1024, 1024 - spare}, {18000, 100, 1}, {18000, 1 << 62, 18000}, {5, 0, 1}} {
		if got := roomFor(c.connections, c.openFiles); got != c.want {
			t.Errorf("%d connections in %d files: %d, want %d", c.connections, c.openFiles, got, c.want)
		}
	}
	limit, err := raiseOpenFiles()
	if err != nil || limit < 64 {
		t.Errorf("limit %d, %v", limit, err)
	}
	var log bytes.Buffer
	m := &Main{Log: slog.New(slog.NewTextHandler(&log, nil))}
	if got, files := m.affordable(1); got != 1 || files != limit || log.Len() > 0 {
		t.Errorf("%d with %d files, log %s", got, files, log.String())
	}
	if got, files := m.affordable(1 << 40); got != int(files)-spare || !strings.Contains(log.String(), "open_files=") {
		t.Errorf("%d with %d files, log %s", got, files, log.String())
	}
}
