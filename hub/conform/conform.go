// Package conform plays a terminal against any server that says it speaks yeban.v1, and
// tells case by case whether it does. What is expected stands in sync/protocol/schema.
//
// It needs the name and the token of a terminal that is there for tests: it leaves
// records behind, each case those of a log of its own, sealed to the platform's key.
// They are device events of a device named "conformance"; one of them cannot be opened,
// because a hub must take that too.
//
// What cannot be seen from outside is not judged: whether an ACK really waits for stable
// storage, and whether a carried record is shown once.
package conform

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"time"

	"yeban/sync/protocol"
	"yeban/sync/record"
)

// Config says whom to test, as whom, and how patiently.
type Config struct {
	URL      string // ws://… or wss://…; protocol.Path is added where no path is given
	Kiosk    string // a terminal for tests
	Token    string
	Platform record.PublicKey // to whom test records are sealed
	TLS      *tls.Config      // nil: the system's roots
	Patience time.Duration    // for an answer; 10 s
	Longest  time.Duration    // cases that must wait longer than this in silence are skipped; 5 s
	Hasty    bool             // records are sent without waiting for settleMs
}

func (c Config) withDefaults() Config {
	if c.Patience <= 0 {
		c.Patience = 10 * time.Second
	}
	if c.Longest <= 0 {
		c.Longest = 5 * time.Second
	}
	return c
}

// Verdict is what came of a case.
type Verdict string

const (
	Pass Verdict = "PASS"
	Fail Verdict = "FAIL"
	Skip Verdict = "SKIP" // it could not be tried
)

// Result is one case.
type Result struct {
	Case     string  `json:"case"`
	Verdict  Verdict `json:"verdict"`
	Expected string  `json:"expected"`
	Spec     string  `json:"spec"`          // place in sync/protocol/schema
	Got      string  `json:"got,omitempty"` // on FAIL, and why on SKIP
	Ms       int64   `json:"ms"`
}

// Summary counts verdicts.
type Summary struct {
	Pass int `json:"pass"`
	Fail int `json:"fail"`
	Skip int `json:"skip"`
}

// one is a case. Its run returns nil for PASS, a *skipped for SKIP.
type one struct {
	name      string
	spec      string
	expected  string
	essential bool // without it nothing else can be tried
	run       func(*visit) error
}

// Run tries every case in turn and tells of each. The error is for a configuration that
// makes no sense, or ctx.
func Run(ctx context.Context, cfg Config, tell func(Result)) (Summary, error) {
	cfg = cfg.withDefaults()
	var sum Summary
	u, err := url.Parse(cfg.URL)
	switch {
	case err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "":
		return sum, errors.New("conform: want ws://HOST or wss://HOST")
	case cfg.Kiosk == "" || cfg.Token == "":
		return sum, errors.New("conform: a terminal's id and token are needed")
	case cfg.Platform.IsZero():
		return sum, errors.New("conform: the platform's public key is needed")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = protocol.Path
	}
	cfg.URL = u.String()
	mute := ""
	for _, c := range cases() {
		r := Result{Case: c.name, Expected: c.expected, Spec: c.spec, Verdict: Skip, Got: mute}
		if mute == "" {
			r = try(ctx, cfg, c)
		}
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		switch r.Verdict {
		case Pass:
			sum.Pass++
		case Fail:
			sum.Fail++
		case Skip:
			sum.Skip++
		}
		if c.essential && r.Verdict == Fail {
			mute = "not tried: " + c.name + " failed"
		}
		tell(r)
	}
	return sum, nil
}

func try(ctx context.Context, cfg Config, c one) Result {
	v := &visit{ctx: ctx, cfg: cfg}
	begun := time.Now()
	err := c.run(v)
	v.end()
	r := Result{Case: c.name, Expected: c.expected, Spec: c.spec, Verdict: Pass, Ms: time.Since(begun).Milliseconds()}
	why, skip := errors.AsType[*skipped](err)
	switch {
	case skip:
		r.Verdict, r.Got = Skip, why.why
	case err != nil:
		r.Verdict, r.Got = Fail, err.Error()
	}
	return r
}

// skipped ends a case that cannot be tried.
type skipped struct{ why string }

func (s *skipped) Error() string { return s.why }

func skip(form string, args ...any) error { return &skipped{fmt.Sprintf(form, args...)} }

func cases() []one {
	var all []one
	for _, some := range [][]one{handshakeCases, helloCases, recordCases, logCases, frameCases, fenceCases, linkCases, callCases} {
		all = append(all, some...)
	}
	return all
}
