package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// reloadEvery is how often a certificate's files are looked at again.
const reloadEvery = time.Minute

// load gives the listener's configuration, nil for plain HTTP. A client certificate is
// verified where one is given: intake demands it of terminals, the console of nobody.
// Errors are *configError.
func (t TLS) load(log *slog.Logger) (*tls.Config, error) {
	if t.Cert == "" {
		return nil, nil
	}
	c := &certificate{files: t, log: log}
	if err := c.read(time.Now()); err != nil {
		return nil, &configError{Msg: "tls: " + err.Error()}
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
	if t.ClientCA == "" {
		return cfg, nil
	}
	text, err := os.ReadFile(t.ClientCA)
	if err != nil {
		return nil, &configError{Msg: "tls: " + err.Error()}
	}
	cfg.ClientCAs = x509.NewCertPool()
	if !cfg.ClientCAs.AppendCertsFromPEM(text) {
		return nil, &configError{File: t.ClientCA, Msg: "no certificate in it"}
	}
	cfg.ClientAuth = tls.VerifyClientCertIfGiven
	return cfg, nil
}

// certificate is the hub's own, read again when its files have changed: renewing it must
// not send every terminal away.
type certificate struct {
	files TLS
	log   *slog.Logger

	mu       sync.Mutex
	pair     *tls.Certificate
	modified time.Time // of the newer file
	looked   time.Time
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= reloadEvery {
		if err := c.read(now); err != nil {
			c.log.Error("certificate cannot be read again; the present one stays", "err", err)
		}
	}
	return c.pair, nil
}

// read is called with mu held, or before there is anybody else.
func (c *certificate) read(now time.Time) error {
	c.looked = now
	var modified time.Time
	for _, name := range []string{c.files.Cert, c.files.Key} {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		if info.ModTime().After(modified) {
			modified = info.ModTime()
		}
	}
	if c.pair != nil && modified.Equal(c.modified) {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	if err != nil {
		return fmt.Errorf("read %s and %s: %w", c.files.Cert, c.files.Key, err)
	}
	c.pair, c.modified = &pair, modified
	return nil
}
