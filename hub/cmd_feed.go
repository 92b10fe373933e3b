package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/oklog/ulid/v2"

	"yeban/hub/bus"
	"yeban/hub/feed"
	"yeban/hub/store"
)

type feedRunCmd struct {
	Name string `help:"Of the feed: each has its own position." default:"backoffice"`
	To   string `help:"Post events to this address, signed with the secret." placeholder:"URL" xor:"sink"`
	Pipe bool   `help:"Write events as JSON lines to standard output and read acks and results from standard input." xor:"sink"`

	SecretFile string `help:"Shared with the back office; made by hub feed secret. Default: setting feed_secret." placeholder:"FILE"`
	CA         string `help:"Certificates (PEM) that the back office may prove itself with, instead of the system's." name:"ca" placeholder:"FILE"`
}

// Run delivers until it is interrupted, or until the other end of the pipe closes.
func (c *feedRunCmd) Run(p *program) (err error) {
	if c.To == "" && !c.Pipe {
		return &configError{Msg: "feed: want --to URL or --pipe"}
	}
	cfg, st, err := p.openStore()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	key, err := readKey(cfg.PlatformKey)
	if err != nil {
		return err
	}
	log := p.logger(cfg)
	hints, err := c.hints(cfg, p)
	if err != nil {
		return err
	}
	if hints != nil {
		defer hints.Close()
	}
	fc := feed.Config{Name: c.Name, Holder: ulid.Make().String(), Store: st, Key: key, Log: log}
	if hints != nil {
		wake, stop, err := hints.Watch(bus.Projected)
		if err != nil {
			return err
		}
		defer stop()
		fc.Hints, fc.Bus = wake, hints
	}
	ctx, cancel := context.WithCancelCause(p.ctx)
	defer cancel(nil)
	if c.Pipe {
		pipe := feed.NewPipe(ctx, p.stdin, p.stdout, func(ctx context.Context, all []feed.Result) error {
			err := feed.Apply(ctx, st, fc.Bus, c.Name, all)
			if errors.Is(err, store.ErrNotFound) {
				log.Warn("a result names no application", "feed", c.Name, "err", err)
				return nil
			}
			return err
		})
		fc.Sink = pipe
		go func() {
			select {
			case <-pipe.Done():
				cancel(pipe.Err())
			case <-ctx.Done():
			}
		}()
	} else if fc.Sink, err = c.webhook(p, cfg); err != nil {
		return err
	}
	if err := feed.New(fc).Run(ctx); err != nil {
		return err
	}
	if cause := context.Cause(ctx); p.ctx.Err() == nil && !errors.Is(cause, feed.ErrPipeClosed) {
		return cause
	}
	return nil
}

// hints connects to an external bus; the one inside a hub cannot be heard from another
// process, and then the feed looks at the store every second.
func (c *feedRunCmd) hints(cfg Config, p *program) (*bus.Bus, error) {
	if cfg.Bus == "" {
		return nil, nil
	}
	return bus.Open(cfg.Bus, p.logger(cfg))
}

func (c *feedRunCmd) webhook(p *program, cfg Config) (*feed.Webhook, error) {
	secret, err := readSecret(feedSecretFile(c.SecretFile, cfg))
	if err != nil {
		return nil, err
	}
	var roots *tls.Config
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, &configError{Msg: "feed: " + err.Error()}
		}
		roots = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
		if !roots.RootCAs.AppendCertsFromPEM(pem) {
			return nil, &configError{File: c.CA, Msg: "no certificate in it"}
		}
	}
	w, err := feed.NewWebhook(c.To, secret, roots)
	if err != nil {
		return nil, &configError{Msg: "feed: " + err.Error()}
	}
	return w, nil
}

type feedSecretCmd struct {
	File string `help:"Where to; default is the setting feed_secret. Refuses to overwrite." placeholder:"FILE"`
}

func (c *feedSecretCmd) Run(p *program) error {
	cfg, err := p.config()
	if err != nil {
		return err
	}
	path := feedSecretFile(c.File, cfg)
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("%s exists already", path)
	}
	if err := writeWhole(path, []byte(feed.NewSecret().Text()+"\n"), 0o600); err != nil {
		return fmt.Errorf("write secret: %w", err)
	}
	fmt.Fprintln(p.stdout, "secret in", path)
	return nil
}

type feedStatusCmd struct{}

func (c *feedStatusCmd) Run(p *program) (err error) {
	_, st, err := p.openStore()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	all, err := st.Feeds(p.ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FEED\tPOSITION\tBEHIND\tREFUSED\tAGAIN\tLAST DELIVERY\tTROUBLE")
	for _, f := range all {
		last := "never"
		if !f.Delivered.IsZero() {
			last = f.Delivered.Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%s\t%s\n", f.Name, f.Position, f.Behind, f.Refused, f.Again, last, oneLineOf(f.Trouble))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, f := range all {
		refused, err := st.FeedRefusals(p.ctx, f.Name, 100)
		if err != nil {
			return err
		}
		for _, r := range refused {
			said := "refused by"
			if r.Again {
				said = "again to"
			}
			fmt.Fprintf(p.stdout, "%s %s: record %s at %d, %s, %s\n", said, f.Name, r.ID, r.Pos, r.At.Format(time.RFC3339), oneLineOf(r.Answer))
		}
	}
	return nil
}

// refusals are the records that a verb is about.
type refusals struct {
	Name    string   `help:"Of the feed." default:"backoffice"`
	All     bool     `help:"All that it has."`
	Records []string `arg:"" optional:"" name:"record" help:"Ids of records, as hub feed status prints them."`
}

func (r *refusals) change(p *program, what string, do func(*store.Store) (int64, error)) (err error) {
	if r.All == (len(r.Records) > 0) {
		return &configError{Msg: "feed: want ids of records, or --all"}
	}
	_, st, err := p.openStore()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	n, err := do(st)
	if err == nil {
		_, err = fmt.Fprintf(p.stdout, "%s %d\n", what, n)
	}
	return err
}

type feedRetryCmd struct {
	refusals
}

func (c *feedRetryCmd) Run(p *program) error {
	return c.change(p, "to be delivered again:", func(st *store.Store) (int64, error) {
		return st.RetryRefusals(p.ctx, c.Name, c.Records...)
	})
}

type feedForgetCmd struct {
	refusals
}

func (c *feedForgetCmd) Run(p *program) error {
	return c.change(p, "forgotten:", func(st *store.Store) (int64, error) {
		return st.ForgetRefusals(p.ctx, c.Name, c.Records...)
	})
}

func oneLineOf(s string) string { return strings.Join(strings.Fields(s), " ") }

func feedSecretFile(flag string, cfg Config) string { return cmp.Or(flag, cfg.FeedSecret) }

func readSecret(path string) (feed.Secret, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return feed.Secret{}, &configError{Msg: fmt.Sprintf("no secret at %s: run hub feed secret first", path)}
	} else if err != nil {
		return feed.Secret{}, &configError{Msg: "read secret: " + err.Error()}
	}
	secret, err := feed.ParseSecret(string(text))
	if err != nil {
		return secret, &configError{File: path, Msg: err.Error()}
	}
	return secret, nil
}
