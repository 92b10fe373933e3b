package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"yeban/hub/conform"
	"yeban/sync/record"
)

type conformCmd struct {
	URL         string        `required:"" help:"The server to test: ws://HOST[:PORT] or wss://HOST[:PORT]." placeholder:"URL"`
	Kiosk       string        `required:"" help:"Id of a terminal that is there for tests. Records are left behind under it." placeholder:"ID"`
	Token       string        `help:"Its token." placeholder:"TOKEN" xor:"token" required:""`
	TokenFile   string        `help:"Read the token from here instead." placeholder:"FILE" xor:"token" required:""`
	PlatformKey string        `required:"" help:"The platform's public key (PEM), to which test records are sealed." placeholder:"FILE"`
	CA          string        `name:"ca" help:"The server's certificate authority (PEM), where the system does not know it." placeholder:"FILE"`
	Cert        string        `help:"The terminal's TLS certificate (PEM), where the server asks for one." placeholder:"FILE" and:"cert"`
	CertKey     string        `help:"Its private key (PEM)." placeholder:"FILE" and:"cert"`
	Patience    time.Duration `help:"Time for an answer." default:"10s" placeholder:"TIME"`
	Longest     time.Duration `help:"Cases that must wait in silence for longer are skipped." default:"5s" placeholder:"TIME"`
	JSON        bool          `name:"json" help:"Print a JSON line for each case, and one with the sum."`
}

func (c *conformCmd) Run(p *program) error {
	token := c.Token
	if c.TokenFile != "" {
		text, err := os.ReadFile(c.TokenFile)
		if err != nil {
			return fmt.Errorf("read token: %w", err)
		}
		token = strings.TrimSpace(string(text))
	}
	text, err := os.ReadFile(c.PlatformKey)
	if err != nil {
		return fmt.Errorf("read platform key: %w", err)
	}
	key, err := record.ParsePublicKey(text)
	if err != nil {
		return err
	}
	trust, err := c.tls()
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stderr, "Test records stay behind at %s under the terminal %s, one of them unreadable on purpose.\n", c.URL, c.Kiosk)
	lines := json.NewEncoder(p.stdout)
	lines.SetEscapeHTML(false)
	var broken error
	sum, err := conform.Run(p.ctx, conform.Config{
		URL: c.URL, Kiosk: c.Kiosk, Token: token, Platform: key, TLS: trust, Patience: c.Patience, Longest: c.Longest,
	}, func(r conform.Result) {
		if c.JSON {
			broken = errors.Join(broken, lines.Encode(r))
			return
		}
		fmt.Fprintf(p.stdout, "%s  %s\n", r.Verdict, r.Case)
		switch r.Verdict {
		case conform.Fail:
			fmt.Fprintf(p.stdout, "      expected  %s\n      got       %s\n      see       %s\n", r.Expected, r.Got, r.Spec)
		case conform.Skip:
			fmt.Fprintf(p.stdout, "      %s\n", r.Got)
		}
	})
	switch err := errors.Join(err, broken); {
	case err != nil:
		return err
	case c.JSON:
		err = lines.Encode(sum)
		if err != nil {
			return err
		}
	default:
		fmt.Fprintf(p.stdout, "%d passed, %d failed, %d skipped\n", sum.Pass, sum.Fail, sum.Skip)
	}
	if sum.Fail > 0 {
		return fmt.Errorf("%d cases failed: the server does not speak yeban.v1 as it should", sum.Fail)
	}
	return nil
}

// tls is nil where nothing was asked for.
func (c *conformCmd) tls() (*tls.Config, error) {
	if c.CA == "" && c.Cert == "" {
		return nil, nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		text, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("read certificate authority: %w", err)
		}
		if cfg.RootCAs = x509.NewCertPool(); !cfg.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s holds no certificate", c.CA)
		}
	}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.CertKey)
		if err != nil {
			return nil, fmt.Errorf("read certificate: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}
