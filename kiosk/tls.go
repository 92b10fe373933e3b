package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
)

// secured says whether the hub is spoken to over TLS.
func (h *Hub) secured() bool { return strings.HasPrefix(h.URL, "wss://") }

// tlsConfig reads what the settings name; nil means the system's roots and no certificate
// of our own. The terminal's certificate is read again with every connection, so that a
// renewed one is used without a restart.
func (h *Hub) tlsConfig() (*tls.Config, error) {
	if h.CA == "" && h.Cert == "" {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if h.CA != "" {
		text, err := os.ReadFile(h.CA)
		if err != nil {
			return nil, fmt.Errorf("hub.ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("hub.ca: %s holds no certificate in PEM", h.CA)
		}
	}
	if h.Cert != "" {
		own := func() (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(h.Cert, h.Key)
			if err != nil {
				return nil, fmt.Errorf("hub.cert and hub.key: %w", err)
			}
			return &pair, nil
		}
		if _, err := own(); err != nil {
			return nil, err
		}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own() }
	}
	return c, nil
}
